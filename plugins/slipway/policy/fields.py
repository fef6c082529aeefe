"""The fields of a release policy: plain data, each part checked by itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Final, Literal

from pydantic import Field, model_validator

from slipway.policy.checklist import Approval, Checklist, Gate, Respondents
from slipway.policy.configuration import Document
from slipway.policy.environment import Environment, LoadBalancer
from slipway.policy.images import Images
from slipway.policy.infrastructure import Infrastructure
from slipway.policy.metrics import DecisionRules, Metric
from slipway.policy.migrations import Migrations
from slipway.policy.section import Seconds, Section
from slipway.policy.serving import Verification, WarmUp
from slipway.policy.staging import StagingValidation
from slipway.policy.success import Success
from slipway.policy.synthetic import SyntheticRequests
from slipway.policy.traffic import TrafficShare
from slipway.policy.windows import ReleaseWindows

#: What the fields of a policy are called; see :mod:`slipway.policy.formats`.
FORMAT: Final = 4

EnvironmentName = Literal["staging", "production"]
PhaseName = Literal["canary", "half", "full"]
GatedPhaseName = Literal["canary", "half", "full"]
Days = Annotated[int, Field(ge=1, le=3650)]
Kept = Annotated[int, Field(ge=1, le=1000)]


class Service(Section):
    """A Cloud Run service that the release covers.

    :param image: image repository without tag; a release of version ``v`` deploys ``image:v`` by its digest.
    :param rollout: ``progressive`` moves step by step and is judged; ``supporting`` follows at full traffic.
    :param secrets: environment variable to configuration document, mounted by version number.
    :param requires_identity: production admits only callers with the role ``roles/run.invoker``; what a
        release asks the service goes with an identity token.
    :param url: where a release asks who answers in production, when the service's own URL is disabled or
        closed to the workers: its users' URL, ``https://...``. ``$location`` in it is the region. Left out,
        it is the service's own.
    """

    image: str
    names: Mapping[EnvironmentName, str]
    rollout: Literal["progressive", "supporting"] = "progressive"
    min_instances: Annotated[int, Field(ge=0, le=1000)]
    max_instances: Annotated[int, Field(ge=1, le=1000)]
    env: Mapping[str, str] = {}
    secrets: Mapping[str, str] = {}
    requires_identity: bool = False
    url: Annotated[str | None, Field(pattern=r"^https?://[^/]+$")] = None

    @model_validator(mode="after")
    def _sends_no_token_in_clear(self) -> Service:
        if self.requires_identity and (self.url or "https").startswith("http:"):
            raise ValueError(f"url={self.url}: must be https:// where requires_identity is set")
        return self

    @model_validator(mode="after")
    def _instances_in_order(self) -> Service:
        if self.max_instances < self.min_instances:
            raise ValueError(f"max_instances={self.max_instances}: must be at least {self.min_instances}")
        return self


class Phase(Section):
    """One step of the rollout.

    :param traffic_percent: share of production traffic on the new revision, 1..100.
    :param bake_seconds: how long a phase bakes before a promotion.
    :param extension_seconds: how much longer it bakes when its evidence is not yet enough.
    :param early_promotion_seconds: a phase whose evidence is enough for a promotion ends after this long
        already; left out, not before ``bake_seconds``. What begins later is then seen by the next phase, at
        more traffic.
    """

    traffic_percent: Annotated[int, Field(ge=1, le=100)]
    bake_seconds: Seconds
    extension_seconds: Annotated[float, Field(ge=0)]
    early_promotion_seconds: Seconds | None = None

    @model_validator(mode="after")
    def _early_is_before(self) -> Phase:
        early = self.early_promotion_seconds
        if early is not None and early > self.bake_seconds:
            raise ValueError(
                f"early_promotion_seconds={early:g}: must be at most bake_seconds={self.bake_seconds:g}"
            )
        return self


class RollbackDeadlines(Section):
    """The longest each tier of rollback may take."""

    traffic_seconds: Seconds
    database_seconds: Seconds
    full_seconds: Seconds


class Watchdog(Section):
    """What the watchdog does by itself; the team is notified in any case.

    :param on_lost_release: what to do with an open release whose run is gone or has ended, or whose lock ran
        out: ``roll_back``, or only ``notify``.
    :param on_traffic_after_rollback: what to do when a rolled-back release serves again: ``restore`` the
        recorded split, or only ``notify``.
    :param on_late_regression: what to do when a promoted release gets worse than a rollback trigger:
        ``roll_back`` its traffic by the DAG ``rollback``, or only ``notify``.
    :param monitoring_seconds: how long a promoted release is monitored for that; a newer one of the same
        product ends it.
    """

    on_lost_release: Literal["roll_back", "notify"] = "roll_back"
    on_traffic_after_rollback: Literal["restore", "notify"] = "restore"
    on_late_regression: Literal["roll_back", "notify"] = "notify"
    monitoring_seconds: Seconds = 1209600


class Retention(Section):
    """What the DAG ``maintenance`` deletes of releases that have ended; each deletion is on record.

    Days are counted from the end of the release; what is left out is kept.

    :param backup_days: backups of the database.
    :param kept_backups: the newest so many of an instance are kept however old they are.
    :param backup_copy_days: copies of the backup in the bucket of ``migrations.export``.
    :param revision_days: revisions that the release made, that do not serve, and that nobody has tagged.
    :param kept_revisions: the newest so many of a service are kept however old they are.
    :param report_days: reports.
    :param delete: ``false`` names every day what would be deleted, and deletes nothing.
    """

    backup_days: Days | None = None
    kept_backups: Kept = 3
    backup_copy_days: Days | None = None
    revision_days: Days | None = None
    kept_revisions: Kept = 10
    report_days: Days | None = None
    delete: bool = False


class PolicyFields(Section):
    """The parts of a policy; ``include/policy/defaults.yaml`` and ``release.yaml`` say what each is for.

    A product needs a name, production, services and phases; the rest may be left out. What is left out is not
    done, and the task says so.

    :param format: see :mod:`slipway.policy.formats`.
    :param release_tag: tag that a promoted release gets in git, with ``{version}``; left out, it gets none.
    :param git_connection: Airflow connection to the repository that is tagged.
    :param environments: ``production``; without ``staging`` a version is not validated before production.
    :param configuration: documents that a release writes to Secret Manager; left out, it writes none.
    :param migrations: left out, the product has no database.
    :param staging_validation: left out, nothing is tested in staging.
    :param deploy_inline_seconds: a worker waits this long for Cloud Run, for all the services of its task
        together; longer waits are deferred to the triggerer.
    :param lease_seconds: how long the lock of the services lasts after a renewal, which is at the beginning
        and end of every phase; no shorter than the longest phase.
    :param approval: left out, no approval is needed.
    :param gates: a person is asked before the phase begins; a phase left out asks nobody.
    :param roles: ids of Airflow users by the name of their role.
    :param answered_by: who may answer a question that does not say so itself; left out, whoever may answer in
        Airflow.
    :param release_windows: when production may be begun; left out, at any time.
    :param on_foreign_template: what happens when somebody, and no release on record, deployed something else
        after what serves: the release is refused, or its approval asks, required or not.
    :param images: left out, each service's image is in its own repository.
    :param load_balancer: left out, no load balancer is checked.
    :param infrastructure: what production stands on; a part that is left out is not checked.
    :param retention: left out, nothing is ever deleted.
    :param warm_up: left out, traffic moves to new revisions without smoke tests.
    :param success: what counts as a success; the report of a release judges it.
    :param synthetic_requests: left out, none are sent.
    :param verification: left out, the served split is checked by ``traffic_share`` alone, from the metrics.
    """

    format: Literal[4] = FORMAT
    name: str
    release_tag: str | None = None
    git_connection: str | None = None
    default_branch: str
    environments: Mapping[EnvironmentName, Environment]
    services: Mapping[str, Service]
    images: Images = Images()
    load_balancer: LoadBalancer | None = None
    infrastructure: Infrastructure = Infrastructure()
    staging_min_instances: Annotated[int, Field(ge=1)]
    configuration: Mapping[str, Document] = {}
    checklist: Checklist = Checklist()
    approval: Approval | None = None
    gates: Mapping[GatedPhaseName, Gate] = {}
    roles: Mapping[str, Annotated[tuple[str, ...], Field(min_length=1)]] = {}
    answered_by: Respondents | None = None
    release_windows: ReleaseWindows | None = None
    on_foreign_template: Literal["refuse", "ask"] = "refuse"
    migrations: Migrations | None = None
    backup_timeout_seconds: Seconds
    staging_validation: StagingValidation | None = None
    deploy_timeout_seconds: Seconds
    deploy_inline_seconds: Seconds = 30
    traffic_timeout_seconds: Seconds
    lease_seconds: Seconds = 28800
    warm_up: WarmUp | None = None
    verification: Verification | None = None
    phases: Mapping[PhaseName, Phase]
    decision: DecisionRules
    traffic_share: TrafficShare
    metrics: Mapping[str, Metric]
    synthetic_requests: SyntheticRequests | None = None
    rollback_deadlines: RollbackDeadlines
    watchdog: Watchdog = Watchdog()
    retention: Retention | None = None
    success: Success = Success()

    def promotion_evidence(self, key: str) -> float:
        """Return the e-value against "as bad as the trigger" that a promotion needs of a metric.

        :param key: of the metric.
        """
        synthetic = self.synthetic_requests
        return (
            self.decision.promotion_evidence
            if synthetic is None or key not in synthetic.metrics
            else min(synthetic.promotion_evidence, self.decision.promotion_evidence)
        )

    @property
    def synthetic_rates(self) -> dict[str, float]:
        """Events/s at the new revision of each metric of synthetic requests."""
        rules = self.synthetic_requests
        return {} if rules is None else dict.fromkeys(rules.metrics.values(), rules.requests_per_second)

    @property
    def metrics_by_delay(self) -> dict[float, list[str]]:
        """Keys of the metrics by how many seconds their source is late, the soonest first."""
        delays: dict[float, list[str]] = {}
        for key, metric in self.metrics.items():
            own = metric.ingestion_seconds
            delays.setdefault(self.decision.ingestion_seconds if own is None else own, []).append(key)
        return dict(sorted(delays.items()))

    @property
    def slowest_ingestion_seconds(self) -> float:
        """The metrics sources have all of a moment's data this long after it."""
        return max(self.metrics_by_delay)
