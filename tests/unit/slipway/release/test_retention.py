"""Old backups go, and never one that somebody may still need."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from slipway.ledger.entries import (
    BackupCopiesDeleted,
    BackupCopy,
    BackupDeleted,
    DatabaseBackedUp,
    ReportDeleted,
    ReportWritten,
    RollbackOrdered,
)
from slipway.ledger.ledger import Outcome
from slipway.operators import base, maintenance
from slipway.operators.maintenance import DeleteOldBackupsOperator, DeleteOldReportsOperator
from slipway.policy.fields import Retention
from slipway.policy.release import Policy, load_policy, parse_policy
from slipway.release.retention import old_backups, old_copies, old_reports
from slipway.ui.reports import kept_report

from tests.fake_ledger import FakeLedger
from tests.unit.slipway.on_record import opened

NOW = datetime.now(UTC) + timedelta(days=1)


def policy(**rules: Any) -> Policy:
    document = load_policy("release.yaml").model_dump(mode="json")
    return parse_policy(document | {"retention": rules or None}, source="of the test")


class Past:
    """Releases one after the other, each with a backup."""

    def __init__(self, **rules: Any) -> None:
        self.ledger = FakeLedger()
        self.policy = policy(**rules)

    def release(self, run: str, *, days_ago: float, outcome: Outcome | None) -> str:
        """Put a release on record that ended so many days ago, or is open."""
        release = opened(self.ledger, run, self.policy)
        copy = BackupCopy(
            uri=f"gs://kept/{run}/netra.sql.gz",
            generation="7",
            size_bytes=1,
            crc32c="AAAAAA==",
            read_back=True,
            kept_until=NOW - timedelta(days=days_ago - 35),
        )
        made = DatabaseBackedUp(
            environment="production",
            instance="db",
            backup=f"of {run}",
            rows_before={},
            rows_after={},
            copies=(copy,),
        )
        self.ledger.append(release.release_id, made)
        if outcome is not None:
            self.ledger.close(release.release_id, outcome=outcome, reason="the test")
        at = NOW - timedelta(days=days_ago)
        self.ledger.opened[release.release_id] = replace(
            self.ledger.release(release.release_id), opened_at=at, closed_at=at if outcome else None
        )
        return release.release_id

    def old(self) -> list[str]:
        return [found.deletion.backup for found in old_backups(self.ledger, NOW)]


@pytest.fixture
def past() -> Past:
    """Two promotions and a rollback a year ago, one promotion ten days ago, one release that is open."""
    made = Past(backup_days=30, kept_backups=1)
    for run in ("first", "second"):
        made.release(run, days_ago=400, outcome="promoted")
    made.release("bad", days_ago=390, outcome="rolled_back")
    made.release("new", days_ago=10, outcome="promoted")
    made.release("open", days_ago=0, outcome=None)
    return made


def test_backups_of_releases_that_ended_long_ago_are_old(past: Past) -> None:
    assert past.old() == ["of bad", "of second", "of first"]


def test_the_newest_promotion_keeps_its_backup_however_old_it_is() -> None:
    past = Past(backup_days=30, kept_backups=1)
    past.release("first", days_ago=500, outcome="promoted")
    past.release("second", days_ago=400, outcome="promoted")
    past.release("bad", days_ago=390, outcome="rolled_back")
    assert past.old() == ["of first"], "the tier restore of the second goes back by its backup"


def test_the_newest_of_an_instance_and_those_without_a_rule_are_kept() -> None:
    many, none = Past(backup_days=30, kept_backups=3), Past()
    for past in (many, none):
        for number in range(5):
            past.release(str(number), days_ago=500 - number, outcome="promoted")
    assert many.old() == ["of 1", "of 0"]
    assert none.old() == []


def test_a_release_within_its_rollback_window_keeps_what_it_left() -> None:
    past = Past(backup_days=1, kept_backups=1)
    window = past.policy.rollback_window
    assert window is not None
    days = window / timedelta(days=1)
    past.release("before", days_ago=days + 2, outcome="promoted")
    past.release("within", days_ago=days - 0.1, outcome="promoted")
    past.release("newest", days_ago=0.1, outcome="promoted")
    assert past.old() == ["of before"]


def test_a_release_that_is_rolled_back_now_keeps_its_backup(past: Past) -> None:
    first = next(iter(past.ledger.opened))
    order = RollbackOrdered(tier="restore", actor="jo", reason="wrong prices", source="DAG rollback")
    past.ledger.append(first, order)
    assert past.old() == ["of bad", "of second"]


class CloudSql:
    """Deletes what it is asked to, unless it is busy."""

    def __init__(self) -> None:
        self.deleted: list[str] = []
        self.is_busy = False

    def begin_delete_backup(self, *, project_id: str, instance: str, backup: str) -> bool:
        if not self.is_busy:
            self.deleted.append(f"{project_id}/{instance}/{backup}")
        return not self.is_busy


@pytest.mark.parametrize(("delete", "is_busy"), [(False, False), (True, True), (True, False)])
def test_each_deletion_is_on_record_and_a_dry_run_deletes_nothing(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, delete: bool, is_busy: bool
) -> None:
    caplog.set_level(logging.INFO)
    past, cloud = Past(**Retention(backup_days=30, kept_backups=1, delete=delete).model_dump()), CloudSql()
    first = past.release("first", days_ago=400, outcome="promoted")
    past.release("second", days_ago=300, outcome="promoted")
    cloud.is_busy = is_busy
    monkeypatch.setattr(base, "Ledger", lambda _: past.ledger)
    monkeypatch.setattr("slipway.hooks.cloud_sql.CloudSqlBackupHook", lambda _: cloud)
    monkeypatch.setattr(maintenance, "datetime", SimpleNamespace(now=lambda _: NOW))
    operator = DeleteOldBackupsOperator(task_id="delete_old_backups")
    is_done = delete and not is_busy
    assert operator.execute({}) == (["of first"] if is_done else [])
    assert cloud.deleted == (["netra-production/db/of first"] if is_done else [])
    on_record = past.ledger.get(first, BackupDeleted, environment="production")
    assert (on_record is not None) == is_done
    if is_done:
        assert on_record is not None
        assert (on_record.ended_days_ago, on_record.kept_days) == (400, 30)
        assert past.ledger.anchored == [first]
        cloud.deleted.clear()
        assert operator.execute({}) == []
        assert cloud.deleted == [], "done again it deletes nothing"


def test_copies_go_by_days_of_their_own_and_never_before_their_bucket_lets_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    past, deleted = Past(backup_copy_days=30, delete=True), list[dict[str, Any]]()
    first = past.release("first", days_ago=400, outcome="promoted")
    past.release("retained", days_ago=34, outcome="rolled_back")
    past.release("newest", days_ago=32, outcome="promoted")
    assert [found.release.release_id for found in old_copies(past.ledger, NOW)] == [first]
    assert past.old() == [], "without days backups are kept"
    monkeypatch.setattr(base, "Ledger", lambda _: past.ledger)
    monkeypatch.setattr("slipway.hooks.cloud_sql.CloudSqlBackupHook", lambda _: None)
    monkeypatch.setattr(
        "slipway.hooks.storage.BucketHook",
        lambda _: SimpleNamespace(delete=lambda **one: deleted.append(one)),
    )
    monkeypatch.setattr(maintenance, "datetime", SimpleNamespace(now=lambda _: NOW))
    operator = DeleteOldBackupsOperator(task_id="delete_old_backups")
    assert operator.execute({}) == ["gs://kept/first/netra.sql.gz"]
    assert [(one["bucket"], one["name"], one["generation"]) for one in deleted] == [
        ("kept", "first/netra.sql.gz", 7)
    ]
    assert past.ledger.get(first, BackupCopiesDeleted, environment="production") is not None
    assert operator.execute({}) == [], "done again it deletes nothing"


@pytest.mark.parametrize("delete", [False, True])
def test_old_reports_go_and_the_page_no_longer_leads_to_them(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, delete: bool
) -> None:
    past = Past(report_days=700, delete=delete)
    first = past.release("first", days_ago=800, outcome="rolled_back")
    newer = past.release("newer", days_ago=100, outcome="rolled_back")
    for release_id in (first, newer):
        for kind in ("html", "json"):
            (tmp_path / f"{release_id}.{kind}").write_text("the report")
        past.ledger.append(
            release_id,
            ReportWritten(
                page=f"file://{tmp_path}/{release_id}.html",
                data=f"file://{tmp_path}/{release_id}.json",
                page_sha256="0" * 64,
                data_sha256="0" * 64,
                met=1,
                criteria=1,
            ),
        )
    assert [release.release_id for release, _ in old_reports(past.ledger, NOW)] == [first]
    monkeypatch.setattr(base, "Ledger", lambda _: past.ledger)
    monkeypatch.setattr(maintenance, "datetime", SimpleNamespace(now=lambda _: NOW))
    operator = DeleteOldReportsOperator(task_id="delete_old_reports")
    assert operator.execute({}) == ([f"file://{tmp_path}/{first}.html"] if delete else [])
    left = {path.name for path in tmp_path.iterdir()}
    assert ({f"{first}.html", f"{first}.json"} <= left) != delete
    assert {f"{newer}.html", f"{newer}.json"} <= left
    assert (kept_report(past.ledger.entries(first)) is None) == delete
    assert (past.ledger.get(first, ReportDeleted, edition=1) is not None) == delete
    assert operator.execute({}) == []
