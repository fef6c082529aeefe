"""Every error that Slipway raises on purpose.

::

    Exception
    └── SlipwayError
        ├── PolicyError                 the release policy cannot be used as written
        │   ├── MetricsQueryInvalid     the metrics API refused a query of the policy
        │   ├── BucketEdgeMissing       a histogram has no bucket edge at a limit of the policy
        │   └── EvidenceUnusable        a query of the policy gives answers that no verdict can rest on
        ├── RequestRefused              the release asked for must not start
        ├── AuditLogUnavailable         Airflow's audit log cannot be read
        ├── ReleaseConflict             somebody else changed what this release is changing
        ├── TrafficDrift                a service is not as the release left it
        ├── CloudRunError
        │   ├── ServiceNotFound         no such Cloud Run service
        │   ├── RevisionNotFound        no such revision of a service
        │   ├── RevisionNotReady        a revision cannot serve
        │   └── CloudRunTimeout         a change was asked for and did not show in time
        │       └── TrafficNotSettled   a rollback was written and its splits did not show in time
        ├── ImageNotFound               the registry does not have the image
        ├── ImageReferenceInvalid       not an image reference (also a ValueError)
        ├── RegistryUnavailable         the registry gives no usable answer
        ├── MetricsUnavailable          the metrics API gives no usable answer: there is no evidence
        │   └── MetricsAnswerOdd        it answers with partial data, or with what is no number
        ├── SecretUnavailable           a secret or a version of it cannot be read or written
        ├── BackupFailed                a database backup or restore did not succeed
        ├── MigrationInvalid            a migration file may not be applied as written
        ├── MigrationFailed             a schema migration did not go through
        │   ├── MigrationChanged        a migration was changed after it was applied
        │   └── SchemaUnexpected        the schema is not the one the migrations should have left
        ├── DatabaseNotReady            the database is in no state to be migrated now
        ├── WrongDatabase            the connection leads to another database than the one meant
        ├── SchemaContractBroken        a version would meet a schema that it cannot run on
        ├── LoadBalancerUnreadable      the load balancer in front cannot be read
        ├── LoadBalancerMisconfigured           it does not lead to the services in every region
        ├── WarehouseUnreadable         ClickHouse gives no usable answer about its servers
        ├── CacheUnreadable             a Redis instance cannot be read
        ├── BucketUnreadable            a bucket cannot be read
        ├── InfrastructureUnsound       a part of the infrastructure is not as the policy requires
        ├── NotificationFailed          nobody could be told
        ├── CommandFailed               a command on the worker could not run to its end
        ├── ReleaseUnknown              no release with this id was opened
        └── EntryUnreadable             an entry of the ledger is not as any version wrote it
"""

# ruff: noqa: N818 - an error is named for the state it reports, which reads better where it is caught

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


class SlipwayError(Exception):
    """Base of every error that Slipway raises on purpose."""


class PolicyError(SlipwayError):
    """The release policy cannot be used as written."""


class MetricsQueryInvalid(PolicyError):
    """The metrics API refused a query as malformed: asking again cannot help."""


class BucketEdgeMissing(PolicyError):
    """A histogram has no bucket edge at a limit of the policy: what is over it cannot be counted."""


class EvidenceUnusable(PolicyError):
    """A query of the policy gives answers that no verdict can rest on."""


class RequestRefused(SlipwayError):
    """The release asked for must not start."""


class AuditLogUnavailable(SlipwayError):
    """Airflow's audit log cannot be read."""


class ReleaseConflict(SlipwayError):
    """Somebody or something else changed what this release is changing."""


class TrafficDrift(SlipwayError):
    """A service is neither as the release left it nor as its next step is to leave it.

    :param service: name of the service.
    :param found: what was found, in one line after the name.
    """

    def __init__(self, service: str, found: str) -> None:
        super().__init__(f"service {service}: {found}")
        self.service = service


class CloudRunError(SlipwayError):
    """Base of the errors about Cloud Run services and revisions."""


class ServiceNotFound(CloudRunError):
    """There is no such Cloud Run service."""


class RevisionNotFound(CloudRunError):
    """There is no such revision of a Cloud Run service."""


class RevisionNotReady(CloudRunError):
    """A revision cannot serve."""


class CloudRunTimeout(CloudRunError):
    """A change was asked for, and it did not show within its bound."""


class TrafficNotSettled(CloudRunTimeout):
    """Splits were set, and did not show within their bound.

    :param message: what each service shows instead.
    :param services: address and split of each service that is still awaited.
    :param changes: what was changed of every service so far, by its name.
    """

    def __init__(
        self, message: str, services: Sequence[Mapping[str, Any]], changes: Mapping[str, Mapping[str, Any]]
    ) -> None:
        super().__init__(message)
        self.services = services
        self.changes = changes


class ImageNotFound(SlipwayError):
    """The registry does not have the image."""


class ImageReferenceInvalid(SlipwayError, ValueError):
    """The text is not a reference to an image in a named registry."""


class RegistryUnavailable(SlipwayError):
    """The registry gives no usable answer."""


class MetricsUnavailable(SlipwayError):
    """The metrics API gives no usable answer: there is no evidence."""


class MetricsAnswerOdd(MetricsUnavailable):
    """The metrics API answers with partial data, or with what is no number."""


class SecretUnavailable(SlipwayError):
    """A secret, or a version of it, cannot be read or written."""


class BackupFailed(SlipwayError):
    """A database backup, or a restore of one, did not succeed."""


class MigrationFailed(SlipwayError):
    """A schema migration did not go through; the database is as it was before that migration."""


class MigrationChanged(MigrationFailed):
    """A migration's statements were changed after they were applied."""


class SchemaUnexpected(MigrationFailed):
    """The schema is not the one that the migrations should have left."""


class MigrationInvalid(SlipwayError):
    """A migration file may not be applied as written."""


class DatabaseNotReady(SlipwayError):
    """The database is in no state to be migrated now; nothing was changed."""


class WrongDatabase(SlipwayError):
    """The connection leads to another database than the one meant; nothing was changed."""


class SchemaContractBroken(SlipwayError):
    """An application version would meet a schema that it cannot run on; nothing was changed."""


class LoadBalancerUnreadable(SlipwayError):
    """The load balancer in front cannot be read."""


class LoadBalancerMisconfigured(SlipwayError):
    """The load balancer in front does not lead to the services that are released, in every region."""


class WarehouseUnreadable(SlipwayError):
    """ClickHouse gives no usable answer about its servers."""


class CacheUnreadable(SlipwayError):
    """Memorystore refuses, or gives no usable answer."""


class BucketUnreadable(SlipwayError):
    """Cloud Storage refuses, or gives no usable answer about a bucket."""


class MonitoringUnreadable(SlipwayError):
    """Cloud Monitoring refuses, or gives no usable answer."""


class InfrastructureUnsound(SlipwayError):
    """A part of the infrastructure is missing, not sound, or cannot be read, and the policy refuses then."""


class NotificationFailed(SlipwayError):
    """Nobody could be told: the connection is missing or unusable, or what is behind it refuses."""


class CommandFailed(SlipwayError):
    """A command on the worker could not run to its end."""


class ReleaseUnknown(SlipwayError):
    """No release with this id was opened."""


class IdentityUnavailable(SlipwayError):
    """The connection's account cannot say who it is to a service that asks."""


class EntryUnreadable(SlipwayError):
    """An entry of the ledger is not one that this version, or one before it, wrote."""
