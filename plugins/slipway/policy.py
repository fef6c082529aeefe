"""The release policy: services, phases, thresholds and configuration, loaded from ``include/policy/*.yaml``.

A policy is data that people review. It is read strictly: an unknown key, a value out of range or a missing
reference is refused with the file, the field, the value and what is allowed, before anything is released.
"""

from __future__ import annotations

import os
import string
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from slipway.exceptions import PolicyError
from slipway.paths import INCLUDE
from slipway.policy_errors import describe

POLICY_DIRECTORY = INCLUDE / "policy"

Percent = Annotated[float, Field(ge=0, le=100)]
Seconds = Annotated[float, Field(gt=0, le=30 * 86400)]
EnvironmentName = Literal["staging", "production"]
PhaseName = Literal["canary", "half", "full"]


class Section(BaseModel):
    """A part of the policy: frozen, and closed to keys it does not know."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Database(Section):
    """A Cloud SQL instance and the Airflow connection to its database."""

    instance: str
    connection: str


class Environment(Section):
    """Where one environment runs.

    :param secret_prefix: configuration document ``x`` is the secret ``<secret_prefix>-x``.
    :param tag: the traffic tag under which a new revision is reachable before it has traffic.
    """

    project_id: str
    location: str
    database: Database
    secret_prefix: str
    tag: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,45}$")]


class Service(Section):
    """A Cloud Run service that the release covers.

    :param image: image repository without tag; a release of version ``v`` deploys ``image:v`` by its digest.
    :param rollout: ``progressive`` moves step by step and is judged; ``supporting`` follows at full traffic.
    :param secrets: environment variable to configuration document, mounted by version number.
    """

    image: str
    names: Mapping[EnvironmentName, str]
    rollout: Literal["progressive", "supporting"]
    min_instances: Annotated[int, Field(ge=0, le=1000)]
    max_instances: Annotated[int, Field(ge=1, le=1000)]
    env: Mapping[str, str] = {}
    secrets: Mapping[str, str] = {}

    @model_validator(mode="after")
    def _instances_in_order(self) -> Service:
        if self.max_instances < self.min_instances:
            raise ValueError(f"max_instances={self.max_instances}: must be at least {self.min_instances}")
        return self


class Migrations(Section):
    """How schema migrations run: how long one may wait for a lock, and how often it tries again."""

    directory: str
    lock_timeout_seconds: Seconds
    statement_timeout_seconds: Seconds
    attempts: Annotated[int, Field(ge=1, le=100)]
    retry_wait_seconds: Seconds


class Suite(Section):
    """A staging test suite: a folder of pytest files below ``include/``."""

    path: str
    timeout_seconds: Seconds


class Band(Section):
    """A closed range of percents."""

    minimum: Percent
    maximum: Percent

    @model_validator(mode="after")
    def _in_order(self) -> Band:
        if self.minimum >= self.maximum:
            raise ValueError(f"minimum={self.minimum}: must be below maximum={self.maximum}")
        return self


class LoadTest(Section):
    """Staging's load test and what it must show."""

    locustfile: str
    users: Annotated[int, Field(ge=1, le=100_000)]
    duration_seconds: Seconds
    maximum_failure_percent: Percent
    cost_reduction_percent: Band
    minimum_cost_accuracy_percent: Percent
    maximum_event_latency_ms: Annotated[float, Field(gt=0)]
    maximum_memory_growth_percent: Annotated[float, Field(ge=0)]


class StagingValidation(Section):
    """Phase 1: what is run in staging, and the share of tests that must pass.

    :param documents: environment variable of the tests to configuration document, given as JSON.
    """

    timeout_seconds: Seconds
    minimum_pass_percent: Percent
    documents: Mapping[str, str] = {}
    suites: Mapping[str, Suite]
    load_test: LoadTest


class Phase(Section):
    """One step of the rollout.

    :param traffic_percent: share of production traffic on the new revision, 1..100.
    :param bake_seconds: how long the evidence is watched before a promotion.
    :param extension_seconds: how much longer a phase is watched whose evidence is not yet enough.
    """

    traffic_percent: Annotated[int, Field(ge=1, le=100)]
    bake_seconds: Seconds
    extension_seconds: Annotated[float, Field(ge=0)]


class Decision(Section):
    """How evidence becomes a verdict.

    :param poll_seconds: time between two looks at the metrics.
    :param ingestion_seconds: how old a moment must be before the metrics source has all of it.
    :param false_rollback_probability: bound on rolling back a release whose every metric stays at or under
        the guard (the geometric mean of target and trigger), over all metrics, phases and looks.
    :param promotion_evidence: e-value that a promotion needs against "as bad as the trigger".
    :param relative_to_stable: how many times worse than stable a canary must be to be blamed.
    :param blind_seconds: a new revision from which no event was seen for so long is not promoted.
    :param metric_restart_seconds: spacing of the fresh starts that let a late regression be seen quickly.
    :param rollback_null: what a rollback must refute. ``guard``: "the share is at most the guard", between
        target and trigger; sooner, but a share between guard and trigger may be rolled back, and one exactly
        at the trigger usually is. ``strict``: "the share is at most the trigger"; only what is proven over it
        is rolled back, several times later for mild regressions, and the deadline rule is off.
    :param quarantine: whether intervals in which stable itself is over the trigger are left out. Off is the
        strategy's literal reading: an outage of a shared dependency rolls the release back.
    :param quarantine_seconds: quarantine in all, per metric and phase; then the phase is frozen: on hold, and
        a person is called.
    :param burst_seconds: a burst of bad events of this length is never enough for a rollback: each stretch of
        it gives at most a third of the evidence. Longer is more robust and that much later.
    :param trailing_seconds: window in which a late regression must show a share over the trigger.
    :param comparison_seconds: window over which canary and stable are compared.
    :param when_blind: what to do before a phase that cannot see the trigger at its traffic: ``extend``
        watches it for the time that it needs, within the extension; ``hold`` does not start it.
    :param power_percent: probability with which a phase must catch a regression to count as seeing it.
    """

    poll_seconds: Seconds
    ingestion_seconds: Annotated[float, Field(ge=0)]
    false_rollback_probability: Annotated[float, Field(gt=0, lt=1)]
    promotion_evidence: Annotated[float, Field(gt=1)]
    relative_to_stable: Annotated[float, Field(ge=1)]
    blind_seconds: Seconds
    metric_restart_seconds: Seconds
    rollback_null: Literal["guard", "strict"] = "guard"
    quarantine: bool = True
    quarantine_seconds: Annotated[float, Field(gt=0, le=900)] = 900
    burst_seconds: Seconds = 45
    trailing_seconds: Seconds = 300
    comparison_seconds: Seconds = 600
    when_blind: Literal["extend", "hold"] = "extend"
    power_percent: Annotated[float, Field(gt=0, lt=100)] = 80


class Consequence(Section):
    """What follows when a metric is bad.

    :param severity: as the strategy's alerts name it: a ``critical`` one calls a person at once.
    :param action: ``rollback``; or ``hold`` for a metric that stops a promotion and never rolls back.
    :param no_data: ``hold``; or ``report`` where the metric only warns: too little evidence is told and holds
        nothing.
    """

    severity: Literal["critical", "warning"] = "critical"
    action: Literal["rollback", "hold"] = "rollback"
    no_data: Literal["hold", "report"] = "hold"

    @model_validator(mode="after")
    def _only_a_warning_may_be_missing(self) -> Consequence:
        if self.no_data == "report" and (self.severity, self.action) != ("warning", "hold"):
            raise ValueError(
                "no_data=report: only with severity: warning and action: hold; "
                "anything else must not be promoted unseen"
            )
        return self


class ShareMetric(Consequence):
    """Bad events as a share of all events: held over the target, rolled back over the trigger.

    :param guard_percent: the null of a rollback under ``rollback_null: guard``; left out it is the geometric
        mean of target and trigger.
    """

    kind: Literal["share"]
    title: str
    total: str
    bad: str
    target_percent: Percent
    trigger_percent: Annotated[float, Field(gt=0, lt=100)]
    guard_percent: Annotated[float, Field(gt=0, lt=100)] | None = None
    compare_with_stable: bool = True

    @model_validator(mode="after")
    def _in_order(self) -> ShareMetric:
        if self.guard_percent is not None and not (
            self.target_percent <= self.guard_percent <= self.trigger_percent
        ):
            raise ValueError(
                f"guard_percent={self.guard_percent}: must be between target_percent={self.target_percent} "
                f"and trigger_percent={self.trigger_percent}"
            )
        if self.target_percent > self.trigger_percent:
            raise ValueError(
                f"target_percent={self.target_percent}: must be at most "
                f"trigger_percent={self.trigger_percent}"
            )
        return self


class QuantileMetric(Consequence):
    """A latency quantile, judged as the share of requests slower than its limit.

    The histogram behind ``within`` must have bucket edges at both limits: only there is the reduction exact.

    :param guard_percent: the null of a rollback under ``rollback_null: guard``, as a percent of requests
        slower than the trigger; left out it is ``100 - quantile_percent``, which is the trigger itself.
    """

    kind: Literal["quantile"]
    title: str
    total: str
    within: str
    quantile_percent: Annotated[float, Field(gt=0, lt=100)]
    target_seconds: Seconds
    trigger_seconds: Seconds
    guard_percent: Annotated[float, Field(gt=0, lt=100)] | None = None
    compare_with_stable: bool = True

    @model_validator(mode="after")
    def _in_order(self) -> QuantileMetric:
        if self.target_seconds > self.trigger_seconds:
            raise ValueError(
                f"target_seconds={self.target_seconds}: must be at most "
                f"trigger_seconds={self.trigger_seconds}"
            )
        if self.guard_percent is not None and self.guard_percent > 100 - self.quantile_percent:
            raise ValueError(
                f"guard_percent={self.guard_percent}: must be at most {100 - self.quantile_percent:g}, "
                f"which is 100 - quantile_percent"
            )
        return self


class BandMetric(Section):
    """``100 * (1 - part / whole)`` must lie in a band; outside it the release is held, never rolled back.

    :param margin_percent: a promotion needs an observed value inside the band and proof that the true one is
        no further than this outside it. 0 asks for proof of the band itself, which a value near an edge
        never gets.
    """

    kind: Literal["band"]
    title: str
    part: str
    whole: str
    minimum_percent: Percent
    maximum_percent: Percent
    margin_percent: Annotated[float, Field(ge=0, le=50)] = 5


class LevelMetric(Section):
    """A level, such as memory in use: over its limit at every one of the last looks the release is held.

    :param value: one sample per instance; the highest counts.
    :param limit: the highest level that is allowed, in ``unit``.
    :param looks: how many looks in a row must be over the limit, so that a spike is not a verdict.
    :param no_data: ``hold``; or ``report`` where the level only warns: its absence is told and holds nothing.
    """

    kind: Literal["level"]
    title: str
    value: str
    limit: Annotated[float, Field(gt=0)]
    unit: str
    looks: Annotated[int, Field(ge=1, le=1000)] = 3
    severity: Literal["critical", "warning"] = "warning"
    no_data: Literal["hold", "report"] = "hold"

    @model_validator(mode="after")
    def _only_a_warning_may_be_missing(self) -> LevelMetric:
        if self.no_data == "report" and self.severity != "warning":
            raise ValueError(
                "no_data=report: only with severity: warning; anything else is not promoted unseen"
            )
        return self


class ZeroMetric(Section):
    """A count that must stay zero: one event rolls back."""

    kind: Literal["zero"]
    title: str
    count: str


Metric = Annotated[
    ShareMetric | QuantileMetric | BandMetric | LevelMetric | ZeroMetric, Field(discriminator="kind")
]


class RollbackDeadlines(Section):
    """The longest each tier of rollback may take."""

    traffic_seconds: Seconds
    database_seconds: Seconds
    full_seconds: Seconds


class Policy(Section):
    """A whole release policy; see ``include/policy/release.yaml`` for the meaning of each part."""

    name: str
    release_tag: str
    git_connection: str
    default_branch: str
    environments: Mapping[EnvironmentName, Environment]
    services: Mapping[str, Service]
    staging_min_instances: Annotated[int, Field(ge=1)]
    configuration: Mapping[str, Mapping[str, str | bool]]
    rollback_configuration: Mapping[str, Mapping[str, str | bool]]
    migrations: Migrations
    backup_timeout_seconds: Seconds
    staging_validation: StagingValidation
    deploy_timeout_seconds: Seconds
    traffic_timeout_seconds: Seconds
    phases: Mapping[PhaseName, Phase]
    decision: Decision
    metrics: Mapping[str, Metric]
    rollback_deadlines: RollbackDeadlines

    @model_validator(mode="after")
    def _whole(self) -> Policy:
        for name, present, wanted in (
            ("environments", self.environments, ("staging", "production")),
            ("phases", self.phases, ("canary", "half", "full")),
        ):
            missing = [key for key in wanted if key not in present]
            if missing:
                raise ValueError(f"{name}: {', '.join(missing)} missing")
        if [s.rollout for s in self.services.values()].count("progressive") != 1:
            raise ValueError("services: exactly one must have rollout: progressive")
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


def policy_names() -> list[str]:
    """Names of the policies in ``include/policy``, for the trigger form."""
    return sorted(path.name for path in POLICY_DIRECTORY.glob("*.yaml"))


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
    :raises PolicyError: when the file is missing, is not YAML, or a field is wrong.
    """
    return parse_policy(_read(name, directory), source=name)


def _read(name: str, directory: Path) -> dict[str, Any]:
    path = directory / name
    if path.parent != directory or not path.is_file():
        raise PolicyError(f"policy {name}: no such file; have {', '.join(policy_names())}")
    try:
        document = yaml.safe_load(_with_environment(name, path.read_text()))
    except yaml.YAMLError as error:
        raise PolicyError(f"policy {name}: not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(document, dict):
        raise PolicyError(f"policy {name}: must be a mapping at the top")
    base = document.pop("extends", None)
    return document if base is None else _overlaid(_read(base, directory), document)


def _with_environment(name: str, text: str) -> str:
    try:
        return _Braced(text).substitute(os.environ)
    except KeyError as error:
        raise PolicyError(f"policy {name}: environment variable {error.args[0]} is not set") from error


class _Braced(string.Template):
    """Only ``${NAME}``: a bare ``$name`` belongs to the metric queries."""

    pattern = r"\$\{(?P<braced>[A-Z_][A-Z0-9_]*)\}|(?P<escaped>(?!))|(?P<named>(?!))|(?P<invalid>(?!))"  # type: ignore[assignment]


def _overlaid(base: dict[str, Any], overlay: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in overlay.items():
        inner = merged.get(key)
        merged[key] = (
            _overlaid(inner, value) if isinstance(inner, dict) and isinstance(value, dict) else value
        )
    return merged
