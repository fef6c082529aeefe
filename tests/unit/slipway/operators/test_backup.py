"""A copy of the backup that cannot be made: the policy says whether the release ends or goes on."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from slipway.exceptions import BackupFailed, BucketUnreadable
from slipway.hooks.postgres.state import DatabaseStateHook
from slipway.ledger.entries import DatabaseBackedUp
from slipway.operators import backup
from slipway.operators.backup import BackUpDatabaseOperator
from slipway.policy.release import load_policy, parse_policy
from slipway.release import backup_export

from tests.fake_ledger import FakeLedger

COUNTED = {"ranges": [], "rows_before": {"users": 1}, "rows_after": {"users": 1}, "backup": "7"}


def task_of(on_failure: str, ledger: FakeLedger, patch: pytest.MonkeyPatch) -> BackUpDatabaseOperator:
    """Return the task of a release whose policy says what a failed copy means."""
    document = load_policy("release.yaml").model_dump(mode="json")
    document["migrations"]["export"]["on_failure"] = on_failure
    policy = parse_policy(document, source="of the test")
    opened: Any = SimpleNamespace(release_id="r-1", policy=policy)
    patch.setattr(BackUpDatabaseOperator, "release", lambda *_: opened)
    patch.setattr(BackUpDatabaseOperator, "record", lambda _, __, entry: ledger.append("r-1", entry))
    task = BackUpDatabaseOperator(task_id="back_up_database", environment="production")
    task.__dict__["ledger"] = ledger
    return task


@pytest.fixture(autouse=True)
def _outside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_GOOGLE_CLOUD_DEFAULT", "google-cloud-platform://")
    monkeypatch.setattr(backup, "back_up", lambda *_: "7")
    monkeypatch.setattr(DatabaseStateHook, "key_ranges", lambda *_: [])
    monkeypatch.setattr(DatabaseStateHook, "row_counts", lambda *_: {"users": 1})


def unwritable(*_: Any) -> None:
    """Fail as a bucket that cannot be read."""
    raise BucketUnreadable("gs://netra-production-backups: 403")


def failed(task: BackUpDatabaseOperator) -> str:
    """Resume after an export that Cloud SQL could not write."""
    event = {"status": "failure", "message": "cannot be written", "operation": "o"}
    return task.execute_complete({}, event, until="2026-08-01T00:00:00+00:00", counted=dict(COUNTED))


def test_a_required_copy_that_fails_ends_the_release_without_an_entry(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ledger = FakeLedger(release_id="r-1")
    task = task_of("refuse", ledger, monkeypatch)
    with pytest.raises(BackupFailed, match="cannot export: cannot be written"):
        failed(task)
    monkeypatch.setattr(backup_export, "export", unwritable)
    with pytest.raises(BucketUnreadable):
        task.execute({})
    assert ledger.get("r-1", DatabaseBackedUp, environment="production") is None


@pytest.mark.parametrize("how", ["export", "bucket"])
def test_a_release_may_go_on_without_the_copy_and_says_so(how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backup_export, "export", unwritable)
    ledger = FakeLedger(release_id="r-1")
    task = task_of("warn", ledger, monkeypatch)
    assert (failed(task) if how == "export" else task.execute({})) == "7"
    entry = ledger.get("r-1", DatabaseBackedUp, environment="production")
    assert entry is not None
    assert (entry.backup, entry.copies) == ("7", ())
    assert "without a copy in the bucket: " in entry.sentence
