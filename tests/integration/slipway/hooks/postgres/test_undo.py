"""Migrations are undone by their backward files, newest first, and may be applied again."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest
from slipway.exceptions import MigrationFailed, MigrationInvalid, WrongDatabase
from slipway.hooks.postgres.migrations import SchemaHook
from slipway.hooks.postgres.session import DatabaseIdentity
from slipway.hooks.postgres.state import DatabaseStateHook

from tests.integration.slipway.hooks.postgres.migrating import (
    CONNECTION,
    IDENTITY,
    PRODUCT,
    QUICK,
    applied,
    migrate,
    write,
)

pytestmark = pytest.mark.sandbox

FILL = """UPDATE one SET twice = 2 * id
 WHERE id > coalesce(nullif(current_setting('slipway.after', true), ''), '0')::int
   AND id <= coalesce(nullif(current_setting('slipway.upto', true), ''), '9999')::int;"""


def undo(folder: Path, name: str, identity: DatabaseIdentity = IDENTITY) -> bool:
    return SchemaHook(CONNECTION).undo(folder, name, pace=QUICK, identity=identity)


def backward(folder: Path, name: str, statement: str) -> None:
    (folder / f"{name}.rollback.sql").write_text(statement)


@pytest.fixture
def folder(empty_database: str, tmp_path: Path) -> Path:
    """A column and its backfill, applied."""
    with psycopg.connect(empty_database, autocommit=True) as connection:
        connection.execute("CREATE TABLE one (id int PRIMARY KEY); INSERT INTO one VALUES (1), (2)")
    write(tmp_path, "0001_column", "ALTER TABLE one ADD COLUMN twice int;")
    backward(tmp_path, "0001_column", "ALTER TABLE one DROP COLUMN twice;")
    write(tmp_path, "0002_fill", FILL, kind="backfill", table="one", key="id", depends="0001_column")
    backward(tmp_path, "0002_fill", "UPDATE one SET twice = NULL;")
    migrate(tmp_path)
    return tmp_path


def test_every_migration_of_the_product_has_a_way_back_and_forward_again(empty_database: str) -> None:
    names = migrate(PRODUCT)
    tables = DatabaseStateHook(CONNECTION).catalog()
    for name in reversed(names):
        assert undo(PRODUCT, name)
    assert applied() == []
    assert DatabaseStateHook(CONNECTION).catalog() == {}
    assert migrate(PRODUCT) == names
    assert DatabaseStateHook(CONNECTION).catalog() == tables


def test_what_something_applied_depends_on_stays(folder: Path) -> None:
    with pytest.raises(MigrationInvalid, match="0001_column: 0002_fill depends on it; undo that first"):
        undo(folder, "0001_column")
    assert applied() == ["0001_column", "0002_fill"]


def test_a_backfill_that_was_taken_back_fills_anew(folder: Path, empty_database: str) -> None:
    assert undo(folder, "0002_fill")
    assert not undo(folder, "0002_fill"), "it is not there any more"
    assert migrate(folder) == ["0002_fill"]
    with psycopg.connect(empty_database) as connection:
        assert connection.execute("SELECT sum(twice) FROM one").fetchone() == (6,)


def test_a_backward_file_that_fails_changes_nothing(folder: Path) -> None:
    backward(folder, "0002_fill", "UPDATE one SET twice = NULL; UPDATE one SET nonsense = 1;")
    with pytest.raises(MigrationFailed, match=r"undoing migration 0002_fill failed, .*nonsense"):
        undo(folder, "0002_fill")
    assert applied() == ["0001_column", "0002_fill"]


def test_another_database_and_an_unknown_name_are_refused(folder: Path) -> None:
    with pytest.raises(WrongDatabase, match="expected product/production's"):
        undo(folder, "0002_fill", DatabaseIdentity("product", "production"))
    with pytest.raises(MigrationInvalid, match="migration 0009_none: there is no such file"):
        undo(folder, "0009_none")
