"""Whether what production stands on is there and sound: facts in, a line of the table out."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from slipway.policy.infrastructure import (
    TITLES,
    Bucket,
    ClickHousePart,
    CloudSqlPart,
    Part,
    PartName,
    RedisPart,
)

State = Literal["sound", "degraded", "missing", "unreadable"]
GIB = 2**30


@dataclass(frozen=True)
class Condition:
    """How something is.

    :param found: what was read, for people.
    :param problems: what is wrong, each with the way on; empty when it is sound.
    :param missing: whether there is nothing of that name.
    """

    found: str
    problems: tuple[str, ...] = ()
    missing: bool = False


@dataclass(frozen=True)
class InfrastructureLine:
    """A line of the table.

    :param part: the part of the infrastructure.
    :param name: what of it, such as the instance's name.
    :param state: ``sound``; ``degraded``: there, and not as the policy requires; ``missing``; ``unreadable``.
    :param found: what was read, for people.
    :param problem: what is wrong and the way on; empty when it is sound.
    :param refuses: whether the release is refused over it.
    """

    part: PartName
    name: str
    state: State
    found: str
    problem: str = ""
    refuses: bool = False

    @property
    def sentence(self) -> str:
        """What is wrong, with its name; empty when it is sound."""
        return f"{TITLES[self.part]} {self.name}: {self.problem}" if self.problem else ""


@dataclass(frozen=True)
class InstanceFacts:
    """A Cloud SQL instance.

    :param state: Cloud SQL's word, ``RUNNABLE`` for one that serves.
    :param availability: ``REGIONAL`` with a standby in another zone, ``ZONAL`` without.
    :param backups: whether automated backups are on.
    :param point_in_time_recovery: whether its log is archived.
    :param disk_bytes: size of the data disk.
    :param disk_grows: whether the disk grows by itself.
    """

    state: str
    availability: str
    backups: bool
    point_in_time_recovery: bool
    disk_bytes: int
    disk_grows: bool


@dataclass(frozen=True)
class RedisFacts:
    """A Memorystore for Redis instance.

    :param state: Memorystore's word, ``READY`` for one that serves.
    :param tier: ``STANDARD_HA`` with a replica in another zone, ``BASIC`` without.
    :param replicas: number of its replicas.
    """

    state: str
    tier: str
    replicas: int


@dataclass(frozen=True)
class BucketFacts:
    """A bucket.

    :param versioned: whether what is overwritten or deleted is kept.
    :param public_access_prevented: whether nobody can open it to everybody.
    :param retention_seconds: how long an object cannot be deleted or overwritten; None for not at all.
    :param writers: members with a predefined role that may write.
    """

    versioned: bool
    public_access_prevented: bool
    retention_seconds: float | None
    writers: frozenset[str]


@dataclass(frozen=True)
class AlertPolicyFacts:
    """An alert policy of Cloud Monitoring.

    :param name: its display name, which need not be unique.
    :param enabled: whether it watches.
    :param channels: how many notification channels it has.
    """

    name: str
    enabled: bool
    channels: int


@dataclass(frozen=True)
class ServerFacts:
    """A ClickHouse server that answers.

    :param name: its host name.
    :param free_bytes: free on the disk with the smallest free share.
    :param total_bytes: size of that disk.
    :param lag_seconds: how far its replicated tables are behind, at most.
    :param read_only: its replicated tables that take no writes: their Keeper is away.
    """

    name: str
    free_bytes: int
    total_bytes: int
    lag_seconds: float
    read_only: int


@dataclass(frozen=True)
class ClusterFacts:
    """The ClickHouse servers behind a connection.

    :param members: names of the cluster's servers; of a single server its own.
    :param servers: those that answer.
    """

    members: tuple[str, ...]
    servers: tuple[ServerFacts, ...]


@dataclass(frozen=True)
class ScalingFacts:
    """The instances of a service that serves.

    :param minimum: instances of its revision that are kept; the service's own bound when that is higher.
    :param maximum: the most instances of its revision; the service's own bound when that is lower.
    :param manual: the fixed number of instances, where the service does not scale by itself.
    """

    minimum: int
    maximum: int
    manual: int | None = None


def line(part: PartName, name: str, condition: Condition, rules: Part) -> InfrastructureLine:
    """Return a line of the table.

    :param part: the part of the infrastructure.
    :param name: what of it.
    :param condition: how it is.
    :param rules: says whether a finding refuses the release.
    """
    problem = "; ".join(condition.problems)
    state: State = "missing" if condition.missing else "degraded" if problem else "sound"
    return InfrastructureLine(
        part, name, state, condition.found, problem, bool(problem) and rules.on_finding == "refuse"
    )


def unreadable(part: PartName, name: str, reason: str, rules: Part) -> InfrastructureLine:
    """Return the line of what gives no usable answer: nobody knows how it is.

    :param part: the part of the infrastructure.
    :param name: what of it.
    :param reason: what its reader says.
    :param rules: says whether a finding refuses the release.
    """
    return InfrastructureLine(
        part, name, "unreadable", "no usable answer", reason, rules.on_finding == "refuse"
    )


def cloud_sql(facts: InstanceFacts | None, used_bytes: int, rules: CloudSqlPart) -> Condition:
    """Judge a Cloud SQL instance.

    :param facts: the instance; None when there is none.
    :param used_bytes: used of its disk.
    :param rules: what is required.
    """
    if facts is None:
        return Condition(
            "none", ("there is no such instance; correct environments.production.database",), missing=True
        )
    free = percent(facts.disk_bytes - used_bytes, facts.disk_bytes)
    grows = ", grows by itself" if facts.disk_grows else ""
    found = (
        f"{facts.state}, {facts.availability}, backups {_on(facts.backups)}, point-in-time recovery"
        f" {_on(facts.point_in_time_recovery)}, {free:.0f} % of {facts.disk_bytes / GIB:.0f} GiB free{grows}"
    )
    return Condition(found, tuple(_instance_problems(facts, free, rules)))


def _instance_problems(facts: InstanceFacts, free: float, rules: CloudSqlPart) -> Iterator[str]:
    if facts.state != "RUNNABLE":
        yield f"is {facts.state}; it must be RUNNABLE"
    if rules.high_availability and facts.availability != "REGIONAL":
        yield f"has no standby ({facts.availability}); set its availability type to REGIONAL"
    if rules.backups and not facts.backups:
        yield "automated backups are off; turn them on"
    if rules.point_in_time_recovery and not facts.point_in_time_recovery:
        yield "point-in-time recovery is off; turn it on"
    if free < rules.minimum_free_percent and not facts.disk_grows:
        yield f"{free:.0f} % of its disk is free, required {rules.minimum_free_percent:g} %; enlarge it"


def clickhouse(facts: ClusterFacts, rules: ClickHousePart) -> Condition:
    """Judge the ClickHouse servers.

    :param facts: the servers that there should be, and those that answer.
    :param rules: what is required.
    """
    found = "; ".join(
        f"{server.name}: {percent(server.free_bytes, server.total_bytes):.0f} % of the disk free,"
        f" {server.lag_seconds:.0f} s behind"
        for server in facts.servers
    )
    return Condition(found or "no server answers", tuple(_cluster_problems(facts, rules)))


def _cluster_problems(facts: ClusterFacts, rules: ClickHousePart) -> Iterator[str]:
    required = max(len(facts.members), rules.minimum_servers)
    if len(facts.servers) < required:
        yield (
            f"{len(facts.servers)} of {required} servers answer"
            f" ({listed(server.name for server in facts.servers)}; the cluster names {listed(facts.members)})"
        )
    for server in facts.servers:
        free = percent(server.free_bytes, server.total_bytes)
        if server.read_only:
            yield f"{server.name}: {server.read_only} tables take no writes; check its Keeper"
        if server.lag_seconds > rules.maximum_lag_seconds:
            yield f"{server.name}: {server.lag_seconds:.0f} s behind, allowed {rules.maximum_lag_seconds:g} s"
        if free < rules.minimum_free_percent:
            yield (
                f"{server.name}: {free:.0f} % of a disk is free, required {rules.minimum_free_percent:g} %;"
                " enlarge it"
            )


def redis(facts: RedisFacts | None, rules: RedisPart) -> Condition:
    """Judge a Redis instance.

    :param facts: the instance; None when there is none.
    :param rules: what is required.
    """
    if facts is None:
        return Condition("none", ("there is no such instance in this region",), missing=True)
    problems = []
    if facts.state != "READY":
        problems.append(f"is {facts.state}; it must be READY")
    if rules.high_availability and (facts.tier != "STANDARD_HA" or not facts.replicas):
        problems.append(f"has no replica ({facts.tier}, {facts.replicas}); it must be of the standard tier")
    return Condition(f"{facts.state}, {facts.tier}, replicas: {facts.replicas}", tuple(problems))


def bucket(facts: BucketFacts | None, rules: Bucket) -> Condition:
    """Judge a bucket.

    :param facts: the bucket; None when there is none.
    :param rules: what is required.
    """
    if facts is None:
        return Condition("none", ("there is no such bucket",), missing=True)
    kept = "no retention" if facts.retention_seconds is None else f"retention {facts.retention_seconds:g} s"
    prevented = "prevented" if facts.public_access_prevented else "possible"
    found = f"versioning {_on(facts.versioned)}, public access {prevented}, {kept}"
    return Condition(found, tuple(_bucket_problems(facts, rules)))


def _bucket_problems(facts: BucketFacts, rules: Bucket) -> Iterator[str]:
    if rules.versioned and not facts.versioned:
        yield "versioning is off; turn it on"
    if not rules.public and not facts.public_access_prevented:
        yield "public access is possible; enforce its prevention"
    if rules.retention_seconds is not None and (facts.retention_seconds or 0) < rules.retention_seconds:
        yield f"keeps objects for {facts.retention_seconds or 0:g} s, required {rules.retention_seconds:g} s"
    if rules.writers:
        if missing := sorted(set(rules.writers) - facts.writers):
            yield f"{listed(missing)} cannot write; grant roles/storage.objectUser"
        if others := sorted(facts.writers - set(rules.writers)):
            yield f"{listed(others)} can write, and the policy does not name them"


def cloud_run(facts: ScalingFacts | None, *, minimum: int, maximum: int) -> Condition:
    """Judge the instances of what serves.

    :param facts: the bounds of what serves; None when nothing serves yet.
    :param minimum: instances that the policy keeps.
    :param maximum: the most instances of the policy.
    """
    required = f"{minimum} to {maximum} instances"
    if facts is None:
        return Condition(f"serves nothing yet; the release deploys it with {required}")
    if facts.manual is not None:
        return Condition(
            f"{facts.manual} instances, scaled by hand",
            (f"does not scale by itself; set its scaling to automatic, {required}",),
        )
    if (facts.minimum, facts.maximum) != (minimum, maximum):
        found = f"{facts.minimum} to {facts.maximum} instances"
        return Condition(found, (f"serves with {found}, required {required}; the release deploys it so",))
    return Condition(required)


def monitoring(alerts: Collection[str] | None, required: Sequence[str]) -> Condition:
    """Judge a source of metrics that answers.

    :param alerts: names of the alerts that it has; None when it lists none.
    :param required: names of those that it must have.
    """
    if alerts is None:
        return Condition("answers")
    missing = [name for name in required if name not in alerts]
    problems = (f"alerts are not there: {listed(missing)}; load their rules",) if missing else ()
    return Condition(f"answers; {len(required) - len(missing)} of {len(required)} alerts are there", problems)


def alert_policies(found: Sequence[AlertPolicyFacts], required: Sequence[str]) -> Condition:
    """Judge the alert policies of a project.

    :param found: those that there are.
    :param required: display names of those that there must be.
    """
    named = [policy for policy in found if policy.name in required]
    there = {policy.name for policy in named}
    watching = {policy.name for policy in named if policy.enabled}
    heard = {policy.name for policy in named if policy.enabled and policy.channels}
    problems = [
        f"{problem}: {listed(names)}; {way}"
        for problem, names, way in (
            ("are not there", [name for name in required if name not in there], "create them"),
            ("are disabled", sorted(there - watching), "enable them"),
            ("notify nobody", sorted(watching - heard), "give them a notification channel"),
        )
        if names
    ]
    return Condition(f"{len(heard)} of {len(required)} alert policies watch and notify", tuple(problems))


def dashboards(found: Collection[str], required: Sequence[str]) -> Condition:
    """Judge the dashboards of a project.

    :param found: titles of those that there are.
    :param required: titles of those that there must be.
    """
    missing = [title for title in required if title not in found]
    problems = (f"are not there: {listed(missing)}; create them",) if missing else ()
    return Condition(f"{len(required) - len(missing)} of {len(required)} dashboards are there", problems)


def secret(state: str | None) -> Condition:
    """Judge the secret of a configuration document.

    :param state: state of its newest version; None when it has none.
    """
    if state is None:
        return Condition("has no version; the release adds the first")
    problem = f"its newest version is {state}: an instance that reads the newest does not start; enable it"
    return Condition(f"newest version {state}", () if state == "ENABLED" else (problem,))


def percent(part: float, whole: float) -> float:
    """Return a share in percent; of nothing it is 0."""
    return 100 * part / whole if whole else 0.0


def listed(names: Iterable[str]) -> str:
    """Return names as a list for people."""
    return ", ".join(names) or "none"


def _on(is_on: bool) -> str:
    return "on" if is_on else "off"
