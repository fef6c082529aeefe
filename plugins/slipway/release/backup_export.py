"""Copies of a release's backup in a bucket: one of each database, begun once, verified when it is there."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from slipway.exceptions import BackupFailed, BucketUnreadable, SlipwayError
from slipway.ledger.entries import BackupCopy
from slipway.release.backup import Instance, Pending, running

if TYPE_CHECKING:
    from slipway.hooks.cloud_sql import CloudSqlBackupHook
    from slipway.hooks.storage import BucketHook, StoredObject
    from slipway.ledger.ledger import Release
    from slipway.ledger.operations import KeptOperation
    from slipway.policy.migrations import BackupExport

_GIB = 2**30


def copies_of(
    release: Release,
    cloud_sql: CloudSqlBackupHook,
    instance: Instance,
    backup: str,
    kept: KeptOperation,
) -> dict[str, Any] | Pending:
    """Return what the entry of a backup says of its copies, or begin the next one.

    :param release: whose policy says whether there are copies.
    :param cloud_sql: Cloud SQL hook.
    :param instance: what is backed up.
    :param backup: id of the backup.
    :param kept: where the name of the operation is kept.
    :raises BackupFailed: when a copy that the policy requires cannot be made.
    :raises BucketUnreadable: when the bucket of such a copy cannot be read.
    """
    from slipway.hooks.storage import BucketHook

    rules = release.policy.schema_rules.export
    if rules is None:
        return {}
    buckets = BucketHook(gcp_conn_id=cloud_sql.gcp_conn_id)
    try:
        copies = export(cloud_sql, buckets, instance, rules, f"{release.release_id}/{backup}", kept)
    except (BackupFailed, BucketUnreadable) as error:
        return without_copies(rules, error)
    return copies if isinstance(copies, Pending) else {"copies": copies}


def without_copies(rules: BackupExport | None, error: SlipwayError) -> dict[str, Any]:
    """Return what the entry of a backup says when a copy failed.

    :param rules: whether the release goes on without it.
    :param error: why it failed.
    :raises SlipwayError: the same, when the policy requires the copy.
    """
    if rules is None or rules.on_failure == "refuse":
        raise error
    return {"without_copies": str(error)}


def export(
    cloud_sql: CloudSqlBackupHook,
    buckets: BucketHook,
    instance: Instance,
    rules: BackupExport,
    folder: str,
    kept: KeptOperation,
) -> tuple[BackupCopy, ...] | Pending:
    """Return the verified copies of an instance's databases, or begin the next one.

    An object in a bucket is complete or absent: one that is there is never made again.

    :param cloud_sql: Cloud SQL hook.
    :param buckets: Cloud Storage hook.
    :param instance: what is copied.
    :param rules: where to, and for how long.
    :param folder: folder of the release's backup, unique to it, below the policy's.
    :param kept: where the name of the operation is kept.
    :raises BackupFailed: when Cloud SQL refuses, or a copy is empty, differs or is not kept long enough.
    :raises BucketUnreadable: when Cloud Storage refuses, or gives no usable answer.
    """
    place = {"project_id": instance.project_id, "instance": instance.name}
    copies = []
    for database in cloud_sql.list_databases(**place):
        name = f"{rules.folder}/{folder}/{database}.sql.gz"
        found = buckets.stored(project_id=instance.project_id, bucket=rules.bucket, name=name)
        if found is None:
            operation = running(cloud_sql, instance, kept)
            if operation is None:
                uri = f"gs://{rules.bucket}/{name}"
                operation = cloud_sql.begin_export(**place, database=database, uri=uri)
                if operation is not None:
                    kept.keep(operation)
            return Pending(operation)
        copies.append(_verified(buckets, instance, rules, found))
    return tuple(copies)


def _verified(
    buckets: BucketHook, instance: Instance, rules: BackupExport, found: StoredObject
) -> BackupCopy:
    uri = f"gs://{rules.bucket}/{found.name}"
    if not found.size:
        raise BackupFailed(f"{uri}: the copy of the backup is empty")
    until = found.created_at + timedelta(seconds=rules.keep_seconds)
    if found.retained_until is None or found.retained_until < until:
        raise BackupFailed(
            f"{uri}: nobody keeps it until {until:%Y-%m-%d %H:%M:%S} UTC; set the retention policy of bucket"
            f" {rules.bucket} to {rules.keep_seconds:g} s, or lower migrations.export.keep_seconds"
        )
    read_back = found.size <= rules.read_back_gib * _GIB
    if read_back:
        crc32c = buckets.checksum(
            project_id=instance.project_id, bucket=rules.bucket, name=found.name, generation=found.generation
        )
        if crc32c != found.crc32c:
            raise BackupFailed(f"{uri}: CRC32C {crc32c} was read back, Cloud Storage has {found.crc32c}")
    return BackupCopy(
        uri=uri,
        generation=str(found.generation),
        size_bytes=found.size,
        crc32c=found.crc32c,
        read_back=read_back,
        kept_until=found.retained_until,
    )
