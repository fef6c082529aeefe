"""A backfill ended half-way, an index left half-built, a server that restarts: run again, it heals."""

from __future__ import annotations

import threading
from pathlib import Path

import psycopg
import pytest
from slipway.exceptions import MigrationFailed
from slipway.hooks.postgres import backfill as schema_backfill
from slipway.hooks.postgres.backfill import BackfillProgress
from slipway.hooks.postgres.state import DatabaseStateHook

from tests.integration.slipway.hooks.postgres.migrating import CONNECTION, applied, migrate, write

pytestmark = pytest.mark.sandbox

FILL = """UPDATE numbers SET doubled = 2 * id
 WHERE id > coalesce(nullif(current_setting('slipway.after', true), ''), '0')::bigint
   AND id <= coalesce(nullif(current_setting('slipway.upto', true), ''), '9999999')::bigint;"""


@pytest.fixture
def numbers(empty_database: str, tmp_path: Path) -> str:
    """Connection URI of a database with a table of 1000 rows and a backfill to do on it."""
    with psycopg.connect(empty_database, autocommit=True) as connection:
        connection.execute("CREATE TABLE numbers (id bigint PRIMARY KEY, doubled bigint)")
        connection.execute("INSERT INTO numbers SELECT generate_series(1, 1000)")
        connection.execute("ANALYZE numbers")
    write(tmp_path, "0001_fill", FILL, kind="backfill", table="numbers", key="id")
    return empty_database


def filled(uri: str) -> int:
    with psycopg.connect(uri) as connection:
        row = connection.execute("SELECT count(*) FROM numbers WHERE doubled = 2 * id").fetchone()
    assert row is not None
    return int(row[0])


def test_a_backfill_goes_through_the_whole_table_and_tells_how_far_it_is(
    numbers: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schema_backfill, "REPORT_SECONDS", 0)
    told: list[BackfillProgress] = []
    assert migrate(tmp_path, report=told.append, batch_rows=100) == ["0001_fill"]
    assert filled(numbers) == 1000
    assert [progress.rows for progress in told] == [*range(100, 1001, 100), 1000]
    assert all(progress.lag_seconds is None for progress in told)
    assert "no replica to wait for" in str(told[0])
    assert "10 %, 100 of about 1000 rows" in str(told[0])


def test_an_empty_table_is_backfilled_at_once(numbers: str, tmp_path: Path) -> None:
    with psycopg.connect(numbers, autocommit=True) as connection:
        connection.execute("TRUNCATE numbers")
    assert migrate(tmp_path) == ["0001_fill"]


def test_a_backfill_that_was_ended_goes_on_where_it_was(
    numbers: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schema_backfill, "REPORT_SECONDS", 0)

    def end(progress: BackfillProgress) -> None:
        if progress.rows >= 300:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        migrate(tmp_path, report=end, batch_rows=100)
    assert applied() == []
    assert filled(numbers) == 300
    with psycopg.connect(numbers, autocommit=True) as connection:
        connection.execute("UPDATE numbers SET doubled = NULL WHERE id <= 300")
    told: list[BackfillProgress] = []
    assert migrate(tmp_path, report=told.append, batch_rows=100) == ["0001_fill"]
    assert told[0].rows == 400
    assert filled(numbers) == 700


def test_rows_that_the_application_holds_are_waited_for_in_smaller_batches(
    numbers: str, tmp_path: Path
) -> None:
    with psycopg.connect(numbers) as application:
        application.execute("UPDATE numbers SET doubled = 0 WHERE id = 500")
        with pytest.raises(MigrationFailed, match=r"migration 0001_fill failed, .* lock timeout"):
            migrate(tmp_path, batch_rows=1000)
        release = threading.Timer(1, application.rollback)
        release.start()
        assert migrate(tmp_path, batch_rows=1000, attempts=20) == ["0001_fill"]
        release.join()
    assert filled(numbers) == 1000


def test_an_index_that_was_left_half_built_is_built_anew(empty_database: str, tmp_path: Path) -> None:
    write(
        tmp_path,
        "0001_index",
        "CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS one_id ON one (id);",
        transactional="false",
    )
    with psycopg.connect(empty_database, autocommit=True) as connection:
        connection.execute("CREATE TABLE one (id int); INSERT INTO one VALUES (1), (1)")
        with pytest.raises(
            MigrationFailed, match=r"migration 0001_index failed, .* could not create unique index"
        ):
            migrate(tmp_path)
        assert DatabaseStateHook(CONNECTION).catalog()["one"].indexes["one_id"].endswith(" invalid")
        connection.execute("DELETE FROM one; INSERT INTO one VALUES (1)")
    assert migrate(tmp_path) == ["0001_index"]
    assert DatabaseStateHook(CONNECTION).catalog()["one"].indexes == {"one_id": "unique btree (id)"}


def test_an_index_waits_for_an_old_transaction_without_standing_in_the_way(
    empty_database: str, tmp_path: Path
) -> None:
    write(
        tmp_path,
        "0001_index",
        "CREATE INDEX CONCURRENTLY IF NOT EXISTS one_id ON one (id);",
        transactional="false",
    )
    with psycopg.connect(empty_database, autocommit=True) as connection:
        connection.execute("CREATE TABLE one (id int)")
        with psycopg.connect(empty_database) as old:
            old.execute("INSERT INTO one VALUES (1)")
            with pytest.raises(MigrationFailed, match=r"migration 0001_index failed, .* lock timeout"):
                migrate(tmp_path, concurrent_wait_seconds=0.3)
            connection.execute("SET lock_timeout = '100ms'; INSERT INTO one VALUES (2)")
    assert migrate(tmp_path) == ["0001_index"]
    assert DatabaseStateHook(CONNECTION).catalog()["one"].indexes == {"one_id": "btree (id)"}


def test_who_holds_a_table_is_named_without_what_they_ask(empty_database: str) -> None:
    with psycopg.connect(empty_database, application_name="a report") as report:
        report.execute("CREATE TABLE one (secret text)")
        report.commit()
        report.execute("SELECT secret FROM one WHERE secret = 'hunter2'")
        hook = DatabaseStateHook(CONNECTION)
        (holder,) = hook.long_transactions(["one"], older_than_seconds=0)
        assert hook.long_transactions(["one"], older_than_seconds=60) == []
        assert hook.long_transactions(["other"], older_than_seconds=0) == []
    assert (holder.application, holder.table, holder.mode) == ("a report", "one", "AccessShareLock")
    assert "application a report, idle in transaction" in str(holder)
    assert "hunter2" not in str(holder)


def test_sizes_and_rows_are_read(empty_database: str) -> None:
    with psycopg.connect(empty_database, autocommit=True) as connection:
        connection.execute("CREATE TABLE one AS SELECT generate_series(1, 1000) AS id")
    hook = DatabaseStateHook(CONNECTION)
    total, touched = hook.sizes(["one"])
    assert total > touched > 30_000
    assert hook.row_counts() == {"one": 1000}
