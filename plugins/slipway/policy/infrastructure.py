"""Policy: what production stands on, and what a release does when a part of it is not sound."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field

from slipway.policy.section import Percent, Seconds, Section

PartName = Literal[
    "cloud_sql",
    "redis",
    "clickhouse",
    "storage",
    "load_balancer",
    "cloud_run",
    "monitoring",
    "secret_manager",
]

TITLES: dict[PartName, str] = {
    "cloud_sql": "Cloud SQL",
    "redis": "Redis",
    "clickhouse": "ClickHouse",
    "storage": "Cloud Storage",
    "load_balancer": "Load balancer",
    "cloud_run": "Cloud Run",
    "monitoring": "Monitoring",
    "secret_manager": "Secret Manager",
}


class Part(Section):
    """A part of the infrastructure.

    :param on_finding: ``refuse`` the release when the part is missing, not sound or cannot be read; or only
        ``warn``: the finding is on record, on the release's page and in the message that it is open.
    """

    on_finding: Literal["refuse", "warn"] = "refuse"


class CloudSqlPart(Part):
    """Production's Cloud SQL instance.

    :param high_availability: it must have a standby in another zone (``REGIONAL``).
    :param backups: its automated backups must be on.
    :param point_in_time_recovery: its point-in-time recovery must be on.
    :param minimum_free_percent: of its disk, 0..100; a disk that grows by itself is exempt.
    """

    high_availability: bool = True
    backups: bool = True
    point_in_time_recovery: bool = True
    minimum_free_percent: Percent = 20


class ClickHousePart(Part):
    """The ClickHouse servers behind the connection of the KPIs.

    :param connection: the Airflow connection; ``cluster`` in its extra names the cluster.
    :param minimum_servers: how many servers must answer; every server of the cluster must anyway.
    :param maximum_lag_seconds: how far a replica may be behind.
    :param minimum_free_percent: of each server's fullest disk, 0..100.
    """

    connection: str = "slipway_clickhouse"
    minimum_servers: Annotated[int, Field(ge=1)] = 1
    maximum_lag_seconds: Seconds = 300
    minimum_free_percent: Percent = 10


class RedisPart(Part):
    """The Memorystore for Redis instance in the release's region.

    :param instance: its short name.
    :param high_availability: it must be of the standard tier, with a replica.
    """

    instance: str
    high_availability: bool = True


class Bucket(Section):
    """A bucket of Cloud Storage.

    :param versioned: what is overwritten or deleted must be kept.
    :param public: whether it may be open to everybody; otherwise public access must be prevented.
    :param retention_seconds: no object may be deleted or overwritten for so long; None for no requirement.
    :param writers: who must be able to write, and nobody else, such as ``serviceAccount:...``; empty: not
        checked. A member with a custom role is not seen.
    """

    versioned: bool = True
    public: bool = False
    retention_seconds: Annotated[float | None, Field(gt=0)] = None
    writers: tuple[str, ...] = ()


class StoragePart(Part):
    """The buckets that production uses.

    :param buckets: by name of the bucket, what is required of it.
    """

    buckets: Annotated[Mapping[str, Bucket], Field(min_length=1)]


class MonitoringPart(Part):
    """The source of the metrics, and what Cloud Monitoring watches and shows.

    :param alert_policies: display names of the alert policies that Cloud Monitoring must have, enabled and
        with a notification channel; empty: not checked.
    :param dashboards: display names of the dashboards that it must have; empty: not checked.
    """

    alert_policies: tuple[str, ...] = ()
    dashboards: tuple[str, ...] = ()


class Infrastructure(Section):
    """The parts that are checked before a release is opened; a part that is left out is not checked.

    :param cloud_sql: production's database instance.
    :param redis: the cache of the product.
    :param clickhouse: the KPI warehouse.
    :param storage: the buckets of assets, backups and reports.
    :param load_balancer: the backend services of the policy's ``load_balancer``.
    :param cloud_run: instances of what serves, against the bounds of the policy's ``services``.
    :param monitoring: the source of the metrics: it answers, and a Prometheus has the alerts of
        ``checklist.alerts``; Cloud Monitoring has the alert policies and dashboards that the part names.
    :param secret_manager: the configuration documents that services mount.
    """

    cloud_sql: CloudSqlPart | None = None
    redis: RedisPart | None = None
    clickhouse: ClickHousePart | None = None
    storage: StoragePart | None = None
    load_balancer: Part | None = None
    cloud_run: Part | None = None
    monitoring: MonitoringPart | None = None
    secret_manager: Part | None = None
