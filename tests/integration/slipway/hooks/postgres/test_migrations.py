"""Migrations: in order, once, and giving up rather than standing in the way."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import psycopg
import pytest
from slipway.exceptions import (
    MigrationChanged,
    MigrationFailed,
    MigrationInvalid,
    ReleaseConflict,
    WrongDatabase,
)
from slipway.hooks.postgres.migrations import SchemaHook
from slipway.hooks.postgres.session import DatabaseIdentity
from slipway.sql import statement

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


def test_the_products_migrations_apply_once_and_in_order(empty_database: str) -> None:
    names = sorted(path.stem for path in PRODUCT.glob("*.sql") if ".rollback" not in path.name)
    assert applied() == []
    assert migrate(PRODUCT) == names
    assert migrate(PRODUCT) == []
    assert applied() == names
    with psycopg.connect(empty_database) as connection:
        rows = connection.execute(
            "SELECT column_name, data_type FROM information_schema.columns "
            "WHERE table_name = 'token_usage_tracking'"
        )
        columns = {row[0]: row[1] for row in rows}
        indexes = {row[0] for row in connection.execute("SELECT indexname FROM pg_indexes").fetchall()}
    assert columns["cost_usd"] == "numeric"
    assert columns["created_at"] == "timestamp without time zone"
    assert {"idx_token_usage_user_date", "idx_token_usage_created_at"} <= indexes


def test_only_what_is_due_is_applied(empty_database: str, tmp_path: Path) -> None:
    write(tmp_path, "0001_one", "CREATE TABLE one (id int);")
    write(tmp_path, "0002_two", "CREATE TABLE two (id int);", depends="0001_one")
    assert migrate(tmp_path, only=["0001_one"]) == ["0001_one"]
    assert migrate(tmp_path, only=[]) == []
    assert applied() == ["0001_one"]


def test_what_is_applied_is_on_record_as_it_was_declared(empty_database: str, tmp_path: Path) -> None:
    write(tmp_path, "0001_one", "CREATE TABLE one (id int);", runs_with=">=1.3.0")
    migrate(tmp_path)
    (was,) = SchemaHook(CONNECTION).applied()
    assert str(was.runs_with) == ">=1.3.0"
    assert was.checksum is not None


def test_a_broken_migration_is_named_and_leaves_the_ones_before(empty_database: str, tmp_path: Path) -> None:
    write(tmp_path, "0001_good", "CREATE TABLE good (id int);")
    write(
        tmp_path,
        "0002_bad",
        "CREATE TABLE bad (id int); CREATE TABLE worse (id nonsense);",
        depends="0001_good",
    )
    with pytest.raises(
        MigrationFailed, match=r"migration 0002_bad failed, .* type \"nonsense\" does not exist"
    ):
        migrate(tmp_path)
    assert applied() == ["0001_good"]
    with psycopg.connect(empty_database) as connection:
        assert connection.execute("SELECT to_regclass('bad')").fetchone() == (None,)


def test_a_file_that_declares_nothing_stops_everything(empty_database: str, tmp_path: Path) -> None:
    write(tmp_path, "0001_good", "CREATE TABLE good (id int);")
    (tmp_path / "0002_bare.sql").write_text("CREATE TABLE bare (id int);")
    with pytest.raises(MigrationInvalid, match="migration 0002_bare: kind is missing"):
        migrate(tmp_path)
    assert applied() == []


def test_a_migration_that_cannot_have_its_lock_gives_up_and_succeeds_later(
    empty_database: str, tmp_path: Path
) -> None:
    write(tmp_path, "0001_busy", "ALTER TABLE busy ADD COLUMN note text;")
    with psycopg.connect(empty_database) as holder:
        holder.execute("CREATE TABLE busy (id int)")
        holder.commit()
        holder.execute("SELECT * FROM busy")
        began = time.monotonic()
        with pytest.raises(MigrationFailed, match="lock timeout"):
            migrate(tmp_path)
        assert time.monotonic() - began < 30
        release = threading.Timer(0.3, holder.rollback)
        release.start()
        assert migrate(tmp_path, attempts=20) == ["0001_busy"]
        release.join()


def test_a_migration_that_holds_its_lock_for_too_long_is_ended(empty_database: str, tmp_path: Path) -> None:
    write(tmp_path, "0001_slow", "CREATE TABLE slow (id int); SELECT pg_sleep(0.4); SELECT pg_sleep(0.4);")
    with pytest.raises(MigrationFailed, match="migration 0001_slow failed, tried at most 1 times"):
        migrate(tmp_path, attempts=1, lock_timeout_seconds=0.1, blocking_seconds=0.4)
    assert applied() == []


def test_two_at_once_apply_each_migration_once(empty_database: str, tmp_path: Path) -> None:
    write(tmp_path, "0001_once", "CREATE TABLE once (id int); SELECT pg_sleep(0.5);")
    # Waits for every older snapshot: one that waited for the lock inside the server would be one.
    write(
        tmp_path,
        "0002_index",
        "CREATE INDEX CONCURRENTLY once_id ON once (id);",
        depends="0001_once",
        transactional="false",
    )
    results: list[list[str]] = []
    threads = [
        threading.Thread(target=lambda: results.append(migrate(tmp_path, concurrent_wait_seconds=20)))
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(name for names in results for name in names) == ["0001_once", "0002_index"]
    assert applied() == ["0001_once", "0002_index"]


def test_a_second_migration_does_not_wait_for_ever_and_names_the_first(
    empty_database: str, tmp_path: Path
) -> None:
    write(tmp_path, "0001_one", "CREATE TABLE one (id int);")
    with psycopg.connect(empty_database, application_name="the first") as first:
        first.execute(statement("postgres/schema/try_lock"))
        with pytest.raises(MigrationFailed, match=r"another migration is running: .* \(the first, since"):
            migrate(tmp_path, concurrent_wait_seconds=0.3)
    assert migrate(tmp_path) == ["0001_one"]


def test_what_may_not_go_on_stops_between_two_migrations(empty_database: str, tmp_path: Path) -> None:
    write(tmp_path, "0001_one", "CREATE TABLE one (id int);")
    write(tmp_path, "0002_two", "CREATE TABLE two (id int);", depends="0001_one")
    holders = []

    def require() -> None:
        holders.append(SchemaHook(CONNECTION).migrating())
        if applied():
            raise ReleaseConflict("the rollback has begun")

    with pytest.raises(ReleaseConflict):
        migrate(tmp_path, require=require)
    assert applied() == ["0001_one"]
    assert [holder is not None and "slipway migration" in holder for holder in holders] == [True, True]
    assert SchemaHook(CONNECTION).migrating() is None


def test_a_migration_changed_after_it_was_applied_is_refused_and_heals(
    empty_database: str, tmp_path: Path
) -> None:
    write(tmp_path, "0001_one", "CREATE TABLE one (id int);")
    migrate(tmp_path)
    write(tmp_path, "0001_one", "CREATE TABLE one (id bigint);")
    write(tmp_path, "0002_two", "CREATE TABLE two (id int);", depends="0001_one")
    with pytest.raises(MigrationChanged, match="migration 0001_one: its statements were changed"):
        migrate(tmp_path)
    assert applied() == ["0001_one"]
    write(tmp_path, "0001_one", "CREATE TABLE one (id int);")
    assert migrate(tmp_path) == ["0002_two"]


def test_what_was_applied_by_other_means_is_adopted(empty_database: str, tmp_path: Path) -> None:
    write(tmp_path, "0001_one", "CREATE TABLE one (id int);")
    migrate(tmp_path)
    with psycopg.connect(empty_database, autocommit=True) as connection:
        connection.execute("DROP TABLE slipway_migration")
    (bare,) = SchemaHook(CONNECTION).applied()
    assert bare.checksum is None
    assert migrate(tmp_path) == []
    (was,) = SchemaHook(CONNECTION).applied()
    assert was.checksum is not None


def test_a_wrong_database_is_refused_before_anything_is_written(empty_database: str, tmp_path: Path) -> None:
    write(tmp_path, "0001_one", "CREATE TABLE one (id int);")
    with pytest.raises(WrongDatabase, match="has no table users, which product/test's database has"):
        migrate(tmp_path, identity=DatabaseIdentity("product", "test", base=["users"]))
    with psycopg.connect(empty_database, autocommit=True) as connection:
        assert (
            connection.execute("SELECT tablename FROM pg_tables WHERE tablename ~ 'slipway'").fetchall() == []
        )
        connection.execute("CREATE TABLE users (id int)")
    migrate(tmp_path)
    staging = DatabaseIdentity("product", "staging", base=["users"])
    mistaken = "connected to product/test's database, expected product/staging's"
    with pytest.raises(WrongDatabase, match=mistaken):
        migrate(tmp_path, identity=staging)
    with pytest.raises(WrongDatabase, match=mistaken):
        SchemaHook(CONNECTION).applied(staging)


def test_the_password_is_in_no_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_NOWHERE", "postgres://slipway:hunter2@127.0.0.1:1/nothing")
    write(tmp_path, "0001_one", "CREATE TABLE one (id int);")
    with pytest.raises(MigrationFailed) as caught:
        SchemaHook("nowhere").migrate(
            tmp_path, pace=QUICK.model_copy(update={"attempts": 1}), identity=IDENTITY
        )
    assert "hunter2" not in str(caught.value)
