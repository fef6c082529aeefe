"""A backup's copy in a bucket: made once, read back, kept; what is wrong with the bucket is named."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from slipway.exceptions import BackupFailed, BucketUnreadable
from slipway.hooks.cloud_sql import CloudSqlBackupHook
from slipway.hooks.storage import BucketHook
from slipway.ledger.entries import BackupCopy, DatabaseBackedUp
from slipway.policy.migrations import BackupExport
from slipway.release.backup import Instance, Pending, require_done
from slipway.release.backup_export import export
from slipway.triggers.cloud_sql import CloudSqlOperationTrigger

from sandbox.cloud.sql_admin.api import CloudSql
from sandbox.cloud.storage.api import Storage
from sandbox.cloud.storage.buckets import Bucket, BucketStore
from sandbox.supervisor.settings import Settings
from tests.fake_ledger import FakeLedger
from tests.integration.sandbox.cloud.served import served
from tests.integration.slipway.operators.deferrals import only_event

pytestmark = pytest.mark.sandbox
PROJECT = "sandbox-production"
INSTANCE = Instance(PROJECT, "netra-production-db")
BUCKETS = {
    "kept": Bucket(retention_seconds=3600),
    "not-kept": Bucket(),
    "read-only": Bucket(writers=(), retention_seconds=3600),
}


@pytest.fixture
def store(
    postgres_server: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[BucketStore]:
    """The buckets, and Cloud SQL beside them."""
    made = BucketStore(tmp_path / "storage", BUCKETS)
    with served([*CloudSql(postgres_server, buckets=made).routes(), *Storage(made).routes()]) as url:
        endpoints = {"sqladmin": url, "storage": url}
        extra = {"project": PROJECT, "is_anonymous": True, "api_endpoints": endpoints}
        connection = {"conn_type": "google_cloud_platform", "extra": extra}
        monkeypatch.setenv("AIRFLOW_CONN_GOOGLE_CLOUD_DEFAULT", json.dumps(connection))
        yield made


def copied(bucket: str, folder: str, **rules: Any) -> tuple[BackupCopy, ...]:
    """Copy the instance's database as the task does, waiting as a deferred task does."""
    required = BackupExport(bucket=bucket, keep_seconds=600, **rules)
    kept = FakeLedger().operations.of("r", DatabaseBackedUp, environment="production")
    until = (datetime.now(UTC) + timedelta(seconds=60)).isoformat()
    with closing(CloudSqlBackupHook()) as cloud_sql:
        while isinstance(found := export(cloud_sql, BucketHook(), INSTANCE, required, folder, kept), Pending):
            trigger = CloudSqlOperationTrigger(
                project_id=PROJECT,
                instance=INSTANCE.name,
                operation=found.operation,
                until=until,
                poll_seconds=0.1,
                gcp_conn_id="google_cloud_default",
            )
            require_done(asyncio.run(only_event(trigger)), INSTANCE, "export")
    return found


def test_a_copy_is_made_once_read_back_and_kept(store: BucketStore) -> None:
    folder = uuid.uuid4().hex
    (copy,) = copied("kept", folder)
    (stored,) = store.objects("kept")
    assert copy.uri == f"gs://kept/releases/{folder}/netra_production.sql.gz"
    assert (copy.generation, copy.size_bytes, copy.crc32c, copy.read_back) == (
        str(stored.generation),
        stored.size,
        stored.crc32c,
        True,
    )
    assert copy.kept_until == stored.created_at + timedelta(seconds=3600)
    assert copied("kept", folder, read_back_gib=0) == (copy.model_copy(update={"read_back": False}),)
    assert [found.generation for found in store.objects("kept", versions=True)] == [stored.generation]


def test_a_copy_that_is_not_what_cloud_storage_says_is_named(store: BucketStore, tmp_path: Path) -> None:
    folder = uuid.uuid4().hex
    copied("kept", folder)
    (path,) = [found for found in (tmp_path / "storage").glob("kept/*/*") if not found.suffix]
    path.write_bytes(path.read_bytes()[::-1])
    with pytest.raises(BackupFailed, match=r"netra_production\.sql\.gz: CRC32C \S+ was read back"):
        copied("kept", folder)


@pytest.mark.usefixtures("store")
def test_a_bucket_that_takes_no_write_or_does_not_keep_the_copy_is_named() -> None:
    with pytest.raises(BackupFailed, match=r"cannot export: .* does not have storage\.objects\.create"):
        copied("read-only", "r")
    with pytest.raises(BackupFailed, match=r"cannot export: .*bucket does not exist"):
        copied("absent", "r")
    with pytest.raises(BackupFailed, match="set the retention policy of bucket not-kept to 600 s"):
        copied("not-kept", "r")


def test_a_copy_is_deleted_for_good_and_never_before_its_bucket_lets_it(store: BucketStore) -> None:
    hook = BucketHook()

    def kept(bucket: str) -> int:
        written = store.write(
            bucket, "r/copy", b"rows", content_type="text/plain", metadata={}, expected=None
        )
        return written.generation

    for _ in range(2):
        hook.delete(project_id=PROJECT, bucket="not-kept", name="r/copy", generation=kept("not-kept"))
    hook.delete(project_id=PROJECT, bucket="not-kept", name="r/copy", generation=7)
    assert list(store.objects("not-kept", versions=True)) == []
    with pytest.raises(BucketUnreadable, match=r"gs://kept/r/copy: cannot be deleted.*retention"):
        hook.delete(project_id=PROJECT, bucket="kept", name="r/copy", generation=kept("kept"))
