"""The steps of a backup and a restore: whatever became of an earlier try, nothing is begun twice."""

from __future__ import annotations

from typing import Any

import pytest
from slipway.exceptions import BackupFailed
from slipway.hooks.cloud_sql import BackupRun, SqlOperation
from slipway.ledger.entries import DatabaseBackedUp
from slipway.ledger.operations import KeptOperation
from slipway.release.backup import Instance, Pending, back_up, require_done, restore

from tests.fake_ledger import FakeLedger

MAIN, STAGING = Instance("netra-production", "main"), Instance("netra-staging", "rehearsal")
FOR = "release r: before migrations"


def run_of(backup: str, status: str, description: str = FOR) -> BackupRun:
    return BackupRun(backup, description, status, started_at="", ended_at="", error="")


class FakeCloudSql:
    """Cloud SQL with backups, operations and an answer to what begins one; it counts what was begun."""

    def __init__(
        self, *runs: BackupRun, operations: tuple[SqlOperation, ...] = (), answer: str | None = "new"
    ) -> None:
        self.runs, self.operations, self.answer = runs, operations, answer
        self.begun: list[dict[str, Any]] = []

    def list_backups(self, **_: Any) -> list[BackupRun]:
        return list(self.runs)

    def read_operations(self, **_: Any) -> list[SqlOperation]:
        return list(self.operations)

    def read_operation(self, *, project_id: str, name: str) -> SqlOperation | None:
        return next((found for found in self.operations if found.name == name), None)

    def begin_backup(self, **place: Any) -> str | None:
        self.begun.append(place)
        return self.answer

    begin_restore = begin_backup


def operation(name: str, status: str = "RUNNING", backup: str | None = None) -> SqlOperation:
    return SqlOperation(name, "BACKUP_VOLUME", status, "", backup)


@pytest.fixture
def kept() -> KeptOperation:
    """Where the name of the step's operation is kept."""
    place: KeptOperation = FakeLedger().operations.of("r", DatabaseBackedUp, environment="production")
    return place


def test_a_backup_is_begun_and_its_operation_kept(kept: KeptOperation) -> None:
    cloud: Any = FakeCloudSql()
    assert back_up(cloud, MAIN, FOR, kept) == Pending("new")
    assert cloud.begun == [{"project_id": "netra-production", "instance": "main", "description": FOR}]
    assert kept.name() == "new"


def test_a_backup_that_is_there_is_not_made_again(kept: KeptOperation) -> None:
    cloud: Any = FakeCloudSql(run_of("6", "SUCCESSFUL", "another release"), run_of("7", "SUCCESSFUL"))
    assert back_up(cloud, MAIN, FOR, kept) == "7"
    assert cloud.begun == []


def test_a_backup_that_an_earlier_try_began_is_awaited(kept: KeptOperation) -> None:
    kept.keep("earlier")
    cloud: Any = FakeCloudSql(run_of("7", "RUNNING"), operations=(operation("earlier", backup="7"),))
    assert back_up(cloud, MAIN, FOR, kept) == Pending("earlier")
    assert cloud.begun == []


def test_a_backup_whose_answer_got_lost_is_found_by_its_operation(kept: KeptOperation) -> None:
    operations = (operation("other", backup="6"), operation("lost", backup="7"))
    cloud: Any = FakeCloudSql(run_of("7", "ENQUEUED"), operations=operations)
    assert back_up(cloud, MAIN, FOR, kept) == Pending("lost")
    assert kept.name() == "lost"
    assert cloud.begun == []


def test_a_backup_that_failed_is_begun_anew(kept: KeptOperation) -> None:
    kept.keep("failed")
    cloud: Any = FakeCloudSql(run_of("7", "FAILED"), operations=(operation("failed", "DONE", "7"),))
    assert back_up(cloud, MAIN, FOR, kept) == Pending("new")
    assert kept.name() == "new"


def test_a_busy_instance_keeps_no_name(kept: KeptOperation) -> None:
    cloud: Any = FakeCloudSql(answer=None)
    assert back_up(cloud, MAIN, FOR, kept) == Pending(None)
    assert kept.name() is None


def test_a_restore_is_begun_once(kept: KeptOperation) -> None:
    cloud: Any = FakeCloudSql(operations=(operation("new"),))
    assert restore(cloud, STAGING, MAIN, "7", kept) == Pending("new")
    assert restore(cloud, STAGING, MAIN, "7", kept) == Pending("new")
    (begun,) = cloud.begun
    assert (begun["instance"], begun["source_instance"]) == ("rehearsal", "main")
    assert begun["backup_run_id"] == "7"


@pytest.mark.parametrize(
    ("event", "why"),
    [
        ({"status": "error", "message": ""}, "cannot back up: Cloud SQL names no reason; see the instance's"),
        (
            {"status": "timeout", "message": "it is RUNNING"},
            "cannot back up: not done in time; it is RUNNING",
        ),
    ],
)
def test_what_did_not_end_well_names_the_instance_and_the_reason(event: dict[str, str], why: str) -> None:
    require_done({"status": "success", "message": ""}, MAIN, "back up")
    with pytest.raises(BackupFailed, match=rf"instance main \(netra-production\): {why}"):
        require_done(event, MAIN, "back up")
