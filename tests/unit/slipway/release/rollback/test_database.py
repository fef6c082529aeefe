"""Which migrations a rollback undoes: what a release added, and nothing that takes data it cannot return."""

from __future__ import annotations

from typing import Any

import pytest
from slipway.exceptions import RequestRefused, SchemaContractBroken
from slipway.hooks.cloud_run.address import ServiceAddress
from slipway.ledger.entries import (
    DatabaseBackedUp,
    DatabaseChecked,
    LedgerEntry,
    MigrationsRehearsed,
    ReleaseOpened,
    SchemaMigrated,
    SplitChange,
)
from slipway.ledger.ledger import Release
from slipway.release.rollback import database
from slipway.release.rollback.database import (
    backward_steps,
    require_earlier_version,
    require_safe_now,
    undoable,
)
from slipway.release.rollback.traffic import RollbackStep
from slipway.schema.contract import Migration, Versions
from slipway.schema.plan import AppliedMigration

from tests.fake_ledger import FakeLedger, record_of
from tests.unit.slipway.on_record import opened, two_regions

BACKEND = "netra-backend-prod"
CHECKED = DatabaseChecked(
    environment="production",
    linted=True,
    due=("0002", "0003"),
    tables=(),
    disk_bytes=0,
    used_bytes=0,
    required_bytes=0,
)
MIGRATED = SchemaMigrated(
    environment="production",
    applied=("0003",),
    present=dict.fromkeys(("0001", "0002", "0003"), ">=1.0.0"),
)
BACKED_UP = DatabaseBackedUp(
    environment="production", instance="netra-production-db", backup="17", rows_before={}, rows_after={}
)
REHEARSED = MigrationsRehearsed(
    environment="production", backup="17", instance="r", rows={}, rehearsed=("0002",), seconds=1
)


def migration(name: str, kind: Any = "expand") -> Migration:
    return Migration(name, kind, Versions(">=1.0.0"), None, None, None, True, (), f"SELECT '{name}'\n")


def applied(*names: str) -> list[AppliedMigration]:
    return [AppliedMigration(name, migration(name).checksum, Versions(">=1.0.0")) for name in names]


FILES = [migration(name) for name in ("0001", "0002", "0003", "0004")]


def undone(*entries: LedgerEntry, present: tuple[str, ...], files: list[Migration] = FILES) -> list[str]:
    due = database._migrations_of(record_of(*entries))
    return [found.name for found in undoable(due, applied(*present), files, record_of(*entries))]


def test_all_that_a_release_applied_is_undone_the_newest_first() -> None:
    everything = ("0001", "0002", "0003")
    assert undone(CHECKED, MIGRATED, present=everything) == ["0003", "0002"], "0002 by a try that was killed"
    assert undone(CHECKED, MIGRATED, present=("0001", "0002")) == ["0002"], "an undo that was killed goes on"
    assert undone(CHECKED, MIGRATED, present=("0001",)) == []
    assert undone(CHECKED, REHEARSED, present=("0001", "0002")) == ["0002"], "killed before its record"
    assert undone(CHECKED, present=everything) == [], "this release never came to its migrations"


@pytest.mark.parametrize("kind", ["contract", "backfill"])
def test_what_took_data_or_changed_rows_is_refused_with_the_backup_from_before(kind: str) -> None:
    files = [*FILES[:2], migration("0003", kind)]
    with pytest.raises(RequestRefused) as refused:
        undone(CHECKED, MIGRATED, BACKED_UP, present=("0001", "0002", "0003"), files=files)
    for words in (
        "tier='database': the contract of the schema forbids it: ",
        f"0003 is a {kind}",
        "Choose the tier traffic, or restore",
        "backup 17 of netra-production-db",
    ):
        assert words in str(refused.value)


def test_what_a_later_release_migrated_comes_first() -> None:
    with pytest.raises(RequestRefused, match="0004: applied by a later release; roll that one back first"):
        undone(CHECKED, MIGRATED, present=("0001", "0002", "0003", "0004"))


def test_a_migration_without_its_file_is_refused() -> None:
    with pytest.raises(RequestRefused, match="0003: there is no such file in the project any more"):
        undone(CHECKED, MIGRATED, present=("0002", "0003"), files=FILES[:2])


def test_a_later_regions_release_leaves_the_schema() -> None:
    ledger = FakeLedger()
    release = opened(ledger, policy=two_regions(), follows="v1-2-0-aaaaaa")
    with pytest.raises(RequestRefused, match="the schema is that of release v1-2-0-aaaaaa"):
        backward_steps(release, record_of(CHECKED, MIGRATED))
    assert backward_steps(release, record_of(CHECKED)) == ()


def test_a_run_that_may_be_migrating_is_not_undone_at_the_same_time() -> None:
    with pytest.raises(RequestRefused, match="may be migrating now: choose the tier traffic"):
        backward_steps(opened(FakeLedger()), record_of(CHECKED, REHEARSED))


def test_a_database_that_gives_no_answer_is_refused_and_the_traffic_does_not_need_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_NETRA_PRODUCTION_DB", "postgresql://slipway:hunter2@127.0.0.1:1/gone")
    with pytest.raises(RequestRefused, match="choose the tier traffic, which does not need them") as refused:
        backward_steps(opened(FakeLedger()), record_of(CHECKED, MIGRATED))
    assert "hunter2" not in str(refused.value)


def step(serving: dict[str, int], *, stable: dict[str, int], left: bool = False) -> dict[str, RollbackStep]:
    note = SplitChange(before=serving, after=serving, changed=False, note="left alone") if left else None
    return {BACKEND: RollbackStep(ServiceAddress("p", "r", BACKEND), "new", stable, serving, note)}


def test_only_where_an_earlier_version_serves_again_the_schema_goes_back() -> None:
    release, old = opened(FakeLedger()), {"old": 100}
    known = record_of(ReleaseOpened(actor="ada", versions={BACKEND: "1.1.0"}))
    require_earlier_version(release, known, step({"new": 100}, stable=old))
    require_earlier_version(release, known, step(old, stable=old, left=True))
    with pytest.raises(RequestRefused, match=r"serves newer \(left alone\), not what served"):
        require_earlier_version(release, known, step({"newer": 100}, stable=old, left=True))
    for record, stable in ((known, {}), (record_of(ReleaseOpened(actor="ada")), old)):
        with pytest.raises(RequestRefused, match="had no version on record before release"):
            require_earlier_version(release, record, step({"new": 100}, stable=stable))


def test_the_schema_stays_while_another_version_serves_or_another_release_is_open(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    serving = {"stable backend": "1.2.0"}
    monkeypatch.setattr(database, "stable_versions", lambda *_: serving)
    ledger = FakeLedger()
    release = with_version(ledger, "1.1.0")
    hook: Any = None
    with pytest.raises(SchemaContractBroken, match=r"stable backend 1\.2\.0 serves, not 1\.1\.0"):
        require_safe_now(release, hook, ledger)
    serving["stable backend"] = "1.1.0"
    require_safe_now(release, hook, ledger)
    ledger.close(release.release_id, outcome="rolled_back", reason="x")
    other = opened(ledger, "another run")
    with pytest.raises(SchemaContractBroken, match=f"release {other.release_id} is open"):
        require_safe_now(release, hook, ledger)


def with_version(ledger: FakeLedger, version: str) -> Release:
    release = opened(ledger)
    ledger._written[release.release_id] = [
        ReleaseOpened(actor="ada", stable=release.stable, versions={BACKEND: version})
    ]
    return release
