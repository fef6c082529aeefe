"""What a migration declares, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from slipway.exceptions import MigrationInvalid
from slipway.schema.contract import Versions, parse_migration, read_migrations
from slipway.sql import SQL_DIRECTORY

EXPAND = "-- kind: expand\n-- runs_with: >=1.0.0\n\nALTER TABLE usage ADD COLUMN note text;\n"
CONTRACT = """-- depends: 0001_expand 0002_fill
-- kind: contract
-- runs_with: >=1.2.0,<2
-- safe_since: 1.2.0

ALTER TABLE usage DROP COLUMN note;
"""
BACKFILL = """-- kind: backfill
-- runs_with: >=1.0.0
-- table: usage
-- key: id

UPDATE usage SET note = ''
 WHERE id > coalesce(nullif(current_setting('slipway.after', true), ''), '0')::int
   AND id <= coalesce(nullif(current_setting('slipway.upto', true), ''), '999')::int;
"""
FOLDERS = [SQL_DIRECTORY / "postgres" / "migrations", SQL_DIRECTORY / "ledger" / "migrations"]


@pytest.mark.parametrize("folder", FOLDERS, ids=["product", "ledger"])
def test_every_migration_of_the_repository_declares_itself_and_has_a_way_back(folder: Path) -> None:
    migrations = read_migrations(folder)
    assert migrations
    for migration in migrations:
        assert (folder / f"{migration.name}.rollback.sql").is_file(), migration.name
    names = [migration.name for migration in migrations]
    for before, migration in zip(names, migrations[1:], strict=False):
        assert before in migration.depends, migration.name


def test_a_contract_says_since_when_it_is_safe() -> None:
    migration = parse_migration("0003_contract", CONTRACT)
    assert migration.kind == "contract"
    assert migration.safe_since == "1.2.0"
    assert migration.depends == ("0001_expand", "0002_fill")
    assert migration.sql == "ALTER TABLE usage DROP COLUMN note;\n"


def test_a_backfill_says_what_it_goes_along() -> None:
    migration = parse_migration("0002_fill", BACKFILL)
    assert (migration.table, migration.key) == ("usage", "id")


@pytest.mark.parametrize(
    ("version", "runs"),
    [("1.1.9", False), ("1.2.0", True), ("1.2.0-hotfix", True), ("1.10.0", True), ("2.0.0", False)],
)
def test_a_range_is_of_numbers(version: str, runs: bool) -> None:
    assert (version in Versions(">=1.2.0,<2")) is runs


def test_a_comment_is_not_part_of_the_checksum() -> None:
    first = parse_migration("a", EXPAND)
    assert parse_migration("a", EXPAND.replace("\n\n", "\n-- Why.\n\n")).checksum == first.checksum
    assert parse_migration("a", EXPAND.replace("note", "remark")).checksum != first.checksum


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("SELECT 1;", r"migration m: kind is missing: must be one of expand, backfill, contract"),
        (EXPAND.replace("expand", "expnad"), r"kind=expnad: must be one of"),
        (EXPAND.replace(">=1.0.0", "since 1.0"), r"runs_with=since 1.0: must be a range of versions"),
        (EXPAND.replace("runs_with", "runs-with"), r"runs_with is missing"),
        (EXPAND.replace("-- kind", "-- safe_since: 1.2.0\n-- kind"), r"safe_since=1.2.0: .* a contract"),
        (CONTRACT.replace("-- safe_since: 1.2.0\n", ""), r"safe_since is missing: must be there"),
        (CONTRACT.replace("safe_since: 1.2.0", "safe_since: 1.1.0"), r"safe_since=1.1.0: must be within"),
        (CONTRACT.replace("safe_since: 1.2.0", "safe_since: soon"), r"safe_since=soon: must be a version"),
        (BACKFILL.replace("-- key: id\n", ""), r"key is missing"),
        (BACKFILL.replace("key: id", "key: id; DROP"), r"key=id; DROP: must be a plain name"),
        (EXPAND.replace("-- kind", "-- transactional: no\n-- kind"), r"transactional=no: must be true or"),
        (EXPAND.replace("-- kind", "-- transactional: false\n-- kind") + "SELECT 1;", r"one statement"),
        (BACKFILL + "SELECT 1;", r"one statement"),
        (BACKFILL.replace("slipway.upto", "upto"), r"slipway\.upto is not in it"),
        (EXPAND + "CREATE INDEX CONCURRENTLY i ON usage (note);", r"needs `-- transactional: false`"),
    ],
)
def test_what_is_wrong_is_named(text: str, message: str) -> None:
    with pytest.raises(MigrationInvalid, match=message):
        parse_migration("m", text)


def test_every_wrong_file_of_a_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(MigrationInvalid, match=r"no \.sql migrations"):
        read_migrations(tmp_path)
    (tmp_path / "0001_a.sql").write_text("SELECT 1;")
    (tmp_path / "0002_b.sql").write_text("-- kind: expand\nSELECT 1;")
    with pytest.raises(MigrationInvalid, match=r"(?s)migration 0001_a: kind.*migration 0002_b: runs_with"):
        read_migrations(tmp_path)
