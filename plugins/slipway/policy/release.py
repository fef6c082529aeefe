"""The release policy: services, phases, thresholds and configuration, loaded from ``include/policy/*.yaml``.

A policy is data that people review. It is read strictly: an unknown key, a value out of range or a missing
reference is refused with the file, the field, the value and what is allowed, before anything is released.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import Field, ValidationError, model_validator

from slipway.exceptions import PolicyError
from slipway.policy.checklist import Approval, Checklist, Gate, Respondents
from slipway.policy.cloud_run import refused_path
from slipway.policy.configuration import Document
from slipway.policy.environment import Environment, LoadBalancer
from slipway.policy.errors import describe
from slipway.policy.files import POLICY_DIRECTORY, read_document
from slipway.policy.google_cloud import refused_environment, refused_service
from slipway.policy.metrics import DecisionRules, Metric, expressions
from slipway.policy.migrations import Migrations
from slipway.policy.section import Seconds, Section
from slipway.policy.serving import Verification, WarmUp
from slipway.policy.staging import StagingValidation
from slipway.policy.success import Success
from slipway.policy.traffic import TrafficShare
from slipway.policy.windows import ReleaseWindows

#: What the fields of a policy are called; see :mod:`slipway.policy.formats`.
FORMAT: Final = 3

EnvironmentName = Literal["staging", "production"]
PhaseName = Literal["canary", "half", "full"]
GatedPhaseName = Literal["half", "full"]


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
    rollout: Literal["progressive", "supporting"]
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
    """

    traffic_percent: Annotated[int, Field(ge=1, le=100)]
    bake_seconds: Seconds
    extension_seconds: Annotated[float, Field(ge=0)]


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
    """

    on_lost_release: Literal["roll_back", "notify"] = "roll_back"
    on_traffic_after_rollback: Literal["restore", "notify"] = "restore"


class Policy(Section):
    """A whole release policy; see ``include/policy/release.yaml`` for the meaning of each part.

    :param format: see :mod:`slipway.policy.formats`.
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
    :param load_balancer: left out, no load balancer is checked.
    :param warm_up: left out, traffic moves to new revisions without smoke tests.
    :param success: what counts as a success; the report of a release judges it.
    :param verification: left out, the served split is checked by ``traffic_share`` alone, from the metrics.
    """

    format: Literal[3] = FORMAT
    name: str
    release_tag: str
    git_connection: str
    default_branch: str
    environments: Mapping[EnvironmentName, Environment]
    services: Mapping[str, Service]
    load_balancer: LoadBalancer | None = None
    staging_min_instances: Annotated[int, Field(ge=1)]
    configuration: Mapping[str, Document]
    checklist: Checklist
    approval: Approval | None = None
    gates: Mapping[GatedPhaseName, Gate] = {}
    roles: Mapping[str, Annotated[tuple[str, ...], Field(min_length=1)]] = {}
    answered_by: Respondents | None = None
    release_windows: ReleaseWindows | None = None
    on_foreign_template: Literal["refuse", "ask"] = "refuse"
    migrations: Migrations
    backup_timeout_seconds: Seconds
    staging_validation: StagingValidation
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
    rollback_deadlines: RollbackDeadlines
    watchdog: Watchdog = Watchdog()
    success: Success = Success()

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

    def respondents(self, own: Respondents | None = None) -> tuple[str, ...]:
        """Return the ids of the users who may answer a question; empty: whoever may answer in Airflow.

        :param own: what the question says itself.
        """
        found = own or self.answered_by or Respondents.model_construct()
        members = (user for role in found.roles for user in self.roles[role])
        return tuple(dict.fromkeys((*found.people, *members)))

    @model_validator(mode="after")
    def _has_its_respondents(self) -> Policy:
        asks = {"answered_by": self.answered_by}
        asks |= {f"gates.{phase}.answered_by": gate.answered_by for phase, gate in self.gates.items()}
        if self.approval is not None:
            asks["approval.answered_by"] = self.approval.answered_by
        for where, found in asks.items():
            for role in () if found is None else found.roles:
                if role not in self.roles:
                    have = ", ".join(self.roles) or "none"
                    raise ValueError(f"{where}.roles: {role} is not one of roles ({have})")
        return self

    @model_validator(mode="after")
    def _can_ask(self) -> Policy:
        if self.on_foreign_template == "ask" and self.approval is None:
            raise ValueError("on_foreign_template=ask: needs approval, which says how long to wait")
        return self

    @model_validator(mode="after")
    def _counts_requests(self) -> Policy:
        key = self.traffic_share.request_metric
        if getattr(self.metrics.get(key), "kind", None) not in ("share", "quantile"):
            raise ValueError(
                f"traffic_share.request_metric={key}: must be a metric of kind share or quantile"
            )
        return self

    @model_validator(mode="after")
    def _leases_outlast_phases(self) -> Policy:
        deploy = self.deploy_timeout_seconds + self.traffic_timeout_seconds
        if self.warm_up is not None:
            deploy += self.warm_up.instances_timeout_seconds + self.warm_up.suite_timeout_seconds
        if self.verification is not None:
            deploy += self.verification.settle_seconds
        bake = self.slowest_ingestion_seconds + self.decision.decision_timeout_seconds
        before = {"half": "canary", "full": "half"}
        asks = {before[phase]: gate.answer_timeout_seconds for phase, gate in self.gates.items()}
        longest = {
            "staging_validation": self.staging_validation.timeout_seconds,
            "preparation": self.backup_timeout_seconds + self.migrations.rehearsal.restore_timeout_seconds,
            **{
                f"phases.{name}": deploy
                + phase.bake_seconds
                + phase.extension_seconds
                + bake
                + asks.get(name, 0)
                for name, phase in self.phases.items()
            },
        }
        name = max(longest, key=longest.__getitem__)
        if self.lease_seconds < longest[name]:
            raise ValueError(
                f"lease_seconds={self.lease_seconds:g}: must be at least {longest[name]:g}, which"
                f" {name} may take"
            )
        return self

    @model_validator(mode="after")
    def _knows_who_finds_the_database(self) -> Policy:
        for name, place in self.environments.items():
            for key in place.database.found_by.keys() - self.services.keys():
                raise ValueError(
                    f"environments.{name}.database.found_by: {key} is not one of {', '.join(self.services)}"
                )
        return self

    @model_validator(mode="after")
    def _whole(self) -> Policy:
        for name, present, required in (
            ("environments", self.environments, ("staging", "production")),
            ("phases", self.phases, ("canary", "half", "full")),
        ):
            missing = [key for key in required if key not in present]
            if missing:
                raise ValueError(f"{name}: {', '.join(missing)} missing")
        if [s.rollout for s in self.services.values()].count("progressive") != 1:
            raise ValueError("services: exactly one must have rollout: progressive")
        for key in self.migrations.services:
            if key not in self.services:
                raise ValueError(f"migrations.services: {key} is not one of {', '.join(self.services)}")
        mounts = {f"services.{key}.secrets": service.secrets for key, service in self.services.items()}
        mounts["staging_validation.documents"] = self.staging_validation.documents
        for where, variables in mounts.items():
            for document in variables.values():
                if document not in self.configuration:
                    raise ValueError(
                        f"{where}: {document} is not one of configuration's documents "
                        f"({', '.join(self.configuration)})"
                    )
        percents = [self.phases[name].traffic_percent for name in ("canary", "half", "full")]
        if percents != sorted(set(percents)) or percents[-1] != 100:
            raise ValueError(f"phases: traffic_percent {percents}: must rise and end at 100")
        return self

    @model_validator(mode="after")
    def _fit_for_its_regions(self) -> Policy:
        staging, production = self.environments["staging"], self.environments["production"]
        if len(staging.regions) > 1:
            raise ValueError(
                f"environments.staging.regions={', '.join(staging.regions)}: a version is validated in one"
                " region; name that one"
            )
        for key, metric in self.metrics.items():
            for name, expression in expressions(metric).items():
                if len(production.regions) > 1 and "$location" not in expression:
                    raise ValueError(
                        f"metrics.{key}.{name}={expression}: production has {len(production.regions)} regions"
                        ', each judged by what it serves itself; add location="$location"'
                    )
        for key, service in self.services.items():
            if len(production.regions) > 1 and service.url and "$location" not in service.url:
                raise ValueError(
                    f"services.{key}.url={service.url}: production has {len(production.regions)} regions,"
                    " each asked by itself; add $location"
                )
        for key in self.load_balancer.backend_services if self.load_balancer else ():
            if key not in self.services:
                raise ValueError(
                    f"load_balancer.backend_services: {key} is not one of {', '.join(self.services)}"
                )
        return self

    @model_validator(mode="after")
    def _success_rests_on_what_is_there(self) -> Policy:
        known = {"metrics": self.metrics, "suites": self.staging_validation.suites}
        for area, criteria in self.success.by_area.items():
            for criterion in criteria:
                for name, of in known.items():
                    unknown = sorted(set(getattr(criterion, name)) - of.keys())
                    if unknown:
                        raise ValueError(
                            f"success.{area}: {criterion.title}: {name}: {unknown[0]} is not one of"
                            f" {', '.join(of)}"
                        )
        return self

    @property
    def region(self) -> str:
        """The region of production that is released to."""
        return self.environments["production"].location

    @property
    def regions(self) -> tuple[str, ...]:
        """The regions of production, in the order in which a version is released to them."""
        return self.environments["production"].regions

    @property
    def region_before(self) -> str | None:
        """The region that must serve a version before this one gets it; None for the first."""
        position = self.regions.index(self.region)
        return self.regions[position - 1] if position else None

    @property
    def region_after(self) -> str | None:
        """The region that a version is released to after this one; None for the last."""
        position = self.regions.index(self.region)
        return next(iter(self.regions[position + 1 :]), None)

    @property
    def progressive_service(self) -> str:
        """Key of the service whose traffic moves step by step."""
        return next(key for key, service in self.services.items() if service.rollout == "progressive")

    def with_canary_percent(self, percent: int) -> Policy:
        """Return this policy with another share of traffic in its first phase.

        :param percent: 1..99, below the second phase's share.
        :raises PolicyError: when the phases would no longer rise.
        """
        document = self.model_dump(mode="json")
        document["phases"]["canary"]["traffic_percent"] = percent
        return parse_policy(document, source="canary_percent")

    def in_region(self, region: str) -> Policy:
        """Return this policy for the release to one region of production.

        :param region: the region.
        :raises PolicyError: when production does not run there.
        """
        document = self.model_dump(mode="json")
        document["environments"]["production"]["location"] = region
        return parse_policy(document, source="region")

    def without_stable(self) -> Policy:
        """Return this policy for a release whose serving version is the broken one.

        No metric is compared with stable and nothing is left out because stable is bad: the new version is
        judged by the targets and triggers alone. Otherwise a broken stable would excuse whatever a canary
        does, and would put the evidence of its fix into quarantine.
        """
        document = self.model_dump(mode="json")
        for metric in document["metrics"].values():
            if "compare_with_stable" in metric:
                metric["compare_with_stable"] = False
        return parse_policy(document, source="stable_is_broken")


def parse_policy(document: Mapping[str, Any], *, source: str) -> Policy:
    """Check a policy document.

    :param document: the policy as plain data.
    :param source: where it came from, for messages.
    :raises PolicyError: with one line for every field that is wrong.
    """
    try:
        return Policy.model_validate(document)
    except ValidationError as error:
        raise PolicyError("\n".join(f"policy {source}: {line}" for line in describe(error))) from error


def load_policy(name: str, *, directory: Path = POLICY_DIRECTORY) -> Policy:
    """Read a policy file with the file that it extends.

    ``${NAME}`` in a value is replaced by the environment variable, which lets an overlay name local ports.

    :param name: file name in ``directory``.
    :param directory: folder of the files.
    :raises PolicyError: when the file is missing, is not YAML, or a field is wrong.
    """
    policy = parse_policy(read_document(name, directory), source=name)
    if policy.region_before is not None:
        raise PolicyError(
            f"policy {name}: environments.production.location={policy.region}: a release begins in the first"
            f" of regions, {policy.regions[0]}; leave location out"
        )
    # Not in the model: a policy on record is read again although nothing could be released by it.
    refused = list(_refused_by_google_cloud(policy))
    if refused:
        raise PolicyError("\n".join(f"policy {name}: {line}" for line in refused))
    return policy


def _refused_by_google_cloud(policy: Policy) -> Iterator[str]:
    for key, place in policy.environments.items():
        lines = refused_environment(place, policy.configuration)
        yield from (f"environments.{key}.{line}" for line in lines)
    tags = {key: place.tag for key, place in policy.environments.items()}
    for name, service in policy.services.items():
        yield from (
            f"services.{name}{line}"
            for line in refused_service(service.names, tags, service.env, service.secrets)
        )
        if service.max_instances < policy.staging_min_instances:
            yield (
                f"services.{name}.max_instances={service.max_instances}: must be at least"
                f" {policy.staging_min_instances}, which is staging_min_instances"
            )
    refused = None if policy.verification is None else refused_path(policy.verification.path)
    if policy.verification is not None and refused is not None:
        yield f"verification.path={policy.verification.path}: {refused}"
