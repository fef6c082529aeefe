"""Migrations: in order, once, and giving up rather than standing in the way."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import psycopg
import pytest
from slipway.exceptions import MigrationFailed
from slipway.hooks.schema import SchemaHook
from slipway.statements import SQL_DIRECTORY

pytestmark = pytest.mark.sandbox

PRODUCT = SQL_DIRECTORY / "postgres" / "migrations"
QUICK: dict[str, Any] = {
    "lock_timeout_seconds": 0.2,
    "statement_timeout_seconds": 5,
    "attempts": 2,
    "wait_seconds": 0.1,
}


@pytest.fixture
def hook(empty_database: str) -> SchemaHook:
    """The hook on an empty database."""
    return SchemaHook("slipway_ledger")


def test_the_products_migrations_apply_once_and_in_order(hook: SchemaHook, empty_database: str) -> None:
    names = sorted(path.stem for path in PRODUCT.glob("*.sql") if ".rollback" not in path.name)
    assert hook.applied(PRODUCT) == []
    assert hook.migrate(PRODUCT, **QUICK) == names
    assert hook.migrate(PRODUCT, **QUICK) == []
    assert hook.applied(PRODUCT) == names
    with psycopg.connect(empty_database) as connection:
        columns = dict(
            connection.execute(
                "SELECT column_name, data_type FROM information_schema.columns "
                "WHERE table_name = 'token_usage_tracking'"
            ).fetchall()
        )
        indexes = {row[0] for row in connection.execute("SELECT indexname FROM pg_indexes").fetchall()}
    assert columns["cost_usd"] == "numeric"
    assert columns["created_at"] == "timestamp without time zone"
    assert {"idx_token_usage_user_date", "idx_token_usage_created_at"} <= indexes


def test_a_broken_migration_is_named_and_leaves_the_ones_before(hook: SchemaHook, tmp_path: Path) -> None:
    (tmp_path / "0001_good.sql").write_text("CREATE TABLE good (id int);")
    (tmp_path / "0002_bad.sql").write_text("-- depends: 0001_good\nCREATE TABLE bad (id nonsense);")
    with pytest.raises(
        MigrationFailed, match=r"migration 0002_bad failed, .* type \"nonsense\" does not exist"
    ):
        hook.migrate(tmp_path, **QUICK)
    assert hook.applied(tmp_path) == ["0001_good"]


def test_a_migration_that_cannot_have_its_lock_gives_up_and_succeeds_later(
    hook: SchemaHook, empty_database: str, tmp_path: Path
) -> None:
    (tmp_path / "0001_busy.sql").write_text("ALTER TABLE busy ADD COLUMN note text;")
    with psycopg.connect(empty_database) as holder:
        holder.execute("CREATE TABLE busy (id int)")
        holder.commit()
        holder.execute("SELECT * FROM busy")
        began = time.monotonic()
        with pytest.raises(MigrationFailed, match="lock timeout"):
            hook.migrate(tmp_path, **QUICK)
        assert time.monotonic() - began < 5
        release = threading.Timer(0.3, holder.rollback)
        release.start()
        assert hook.migrate(tmp_path, **{**QUICK, "attempts": 20}) == ["0001_busy"]
        release.join()


def test_two_at_once_apply_each_migration_once(hook: SchemaHook, empty_database: str, tmp_path: Path) -> None:
    (tmp_path / "0001_once.sql").write_text("CREATE TABLE once (id int); SELECT pg_sleep(0.5);")
    results: list[list[str]] = []
    options = {**QUICK, "lock_timeout_seconds": 5}
    threads = [
        threading.Thread(
            target=lambda: results.append(SchemaHook("slipway_ledger").migrate(tmp_path, **options))
        )
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert sorted(results) == [[], ["0001_once"]]


def test_the_password_is_in_no_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_NOWHERE", "postgres://slipway:hunter2@127.0.0.1:1/nothing")
    with pytest.raises(MigrationFailed) as caught:
        SchemaHook("nowhere").migrate(tmp_path, **{**QUICK, "attempts": 1})
    assert "hunter2" not in str(caught.value)
