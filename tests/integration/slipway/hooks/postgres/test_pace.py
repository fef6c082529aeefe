"""How a migration paces itself: batches that the server is slow with, and a vacuum that is in the way."""

from __future__ import annotations

import time
from itertools import pairwise
from pathlib import Path

import psycopg
import pytest
from slipway.exceptions import MigrationFailed
from slipway.hooks.postgres import backfill as schema_backfill
from slipway.hooks.postgres.backfill import BackfillProgress

from tests.integration.slipway.hooks.postgres.migrating import applied, migrate, write

pytestmark = pytest.mark.sandbox

RANGE = """
 WHERE id > coalesce(nullif(current_setting('slipway.after', true), ''), '0')::int
   AND id <= coalesce(nullif(current_setting('slipway.upto', true), ''), '9999')::int;"""
VACUUMING = "SELECT count(*) FROM pg_stat_progress_vacuum WHERE relid = to_regclass('worn')"


def test_a_batch_that_takes_too_long_is_undone_and_halved_until_it_fits(
    empty_database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schema_backfill, "REPORT_SECONDS", 0)
    with psycopg.connect(empty_database, autocommit=True) as connection:
        connection.execute("CREATE TABLE slow (id int PRIMARY KEY, touched int NOT NULL DEFAULT 0)")
        connection.execute("INSERT INTO slow SELECT generate_series(1, 200)")
        connection.execute(
            "CREATE FUNCTION drag() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN PERFORM pg_sleep(0.005); RETURN new; END $$"
        )
        connection.execute("CREATE TRIGGER drag BEFORE UPDATE ON slow FOR EACH ROW EXECUTE FUNCTION drag()")
    write(
        tmp_path,
        "0001_touch",
        "UPDATE slow SET touched = touched + 1" + RANGE,
        kind="backfill",
        table="slow",
        key="id",
    )
    told: list[BackfillProgress] = []
    # 200 rows take a second at least, and the server ends what takes over 0.4 s: the first batch, and the
    # second, which takes half of that. The third fits, unless the machine needs 8 ms for a row.
    migrate(
        tmp_path,
        report=told.append,
        batch_rows=200,
        batch_seconds=0.15,
        lock_timeout_seconds=0.1,
        blocking_seconds=0.3,
        attempts=5,
        retry_wait_seconds=0.01,
    )
    done = [0, *(progress.rows for progress in told[:-1])]
    sizes = [after - before for before, after in pairwise(done)]
    assert sizes[0] in (50, 25, 12)
    assert sum(sizes) == 200
    assert max(sizes[1:]) <= 40, "what a batch should take is half of what the server allows it"
    with psycopg.connect(empty_database) as connection:
        assert connection.execute("SELECT min(touched), max(touched) FROM slow").fetchone() == (1, 1)


@pytest.fixture
def vacuumed(empty_database: str) -> str:
    """Connection URI of a database in which an automatic vacuum is under way, which takes a minute."""
    with psycopg.connect(empty_database, autocommit=True) as connection:
        connection.execute(
            "CREATE TABLE worn WITH (autovacuum_vacuum_threshold = 0, autovacuum_vacuum_scale_factor = 0, "
            "autovacuum_vacuum_cost_delay = 100, autovacuum_vacuum_cost_limit = 1) "
            "AS SELECT n, repeat('x', 1000) AS text FROM generate_series(1, 7000) AS n"
        )
        connection.execute("DELETE FROM worn WHERE n % 2 = 0")
        connection.execute("ALTER SYSTEM SET autovacuum_naptime = '1s'")
        connection.execute("SELECT pg_reload_conf()")
        deadline = time.monotonic() + 60
        while connection.execute(VACUUMING).fetchone() == (0,):
            assert time.monotonic() < deadline, "no automatic vacuum began"
            time.sleep(0.1)
        # Another one must not begin in the moment in which this one has given way.
        connection.execute("ALTER SYSTEM RESET autovacuum_naptime")
        connection.execute("SELECT pg_reload_conf()")
    return empty_database


def test_an_automatic_vacuum_gives_way_to_a_migration_that_waits_only_shortly_for_its_lock(
    vacuumed: str, tmp_path: Path
) -> None:
    write(tmp_path, "0001_note", "ALTER TABLE worn ADD COLUMN note text;")
    began = time.monotonic()
    assert migrate(tmp_path, lock_timeout_seconds=0.2, attempts=1) == ["0001_note"]
    assert time.monotonic() - began < 20
    assert applied() == ["0001_note"]


@pytest.fixture
def busy(empty_database: str, tmp_path: Path) -> str:
    """Connection URI of a database whose ascending keys grow by more with every batch than a batch holds."""
    with psycopg.connect(empty_database, autocommit=True) as connection:
        connection.execute(
            "CREATE TABLE busy (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, touched int NOT NULL)"
        )
        connection.execute("INSERT INTO busy (touched) SELECT 0 FROM generate_series(1, 200)")
        connection.execute(
            "CREATE FUNCTION arrive() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
            "IF (SELECT count(*) FROM busy) > 2000 THEN RAISE EXCEPTION 'it chases the inserts'; END IF; "
            "INSERT INTO busy (touched) SELECT 1 FROM generate_series(1, 60); RETURN NULL; END $$"
        )
        connection.execute(
            "CREATE TRIGGER arrive AFTER UPDATE ON busy FOR EACH STATEMENT EXECUTE FUNCTION arrive()"
        )
    names = {"kind": "backfill", "table": "busy", "key": "id"}
    write(tmp_path, "0001_touch", "UPDATE busy SET touched = touched + 1" + RANGE, **names)
    return empty_database


def test_a_backfill_ends_although_rows_are_inserted_faster_than_it_goes(busy: str, tmp_path: Path) -> None:
    reported: list[BackfillProgress] = []
    assert migrate(tmp_path, batch_rows=50, report=reported.append) == ["0001_touch"]
    assert (reported[-1].rows, reported[-1].percent) == (200, 100)
    with psycopg.connect(busy) as connection:
        assert connection.execute("SELECT min(touched), max(touched) FROM busy").fetchone() == (1, 1)


def test_a_backfill_that_goes_on_ends_where_the_first_try_would_have(busy: str, tmp_path: Path) -> None:
    with psycopg.connect(busy, autocommit=True) as connection:
        connection.execute("CREATE TABLE stop_at (n int)")
        connection.execute("INSERT INTO stop_at VALUES (300)")
        connection.execute(
            "CREATE FUNCTION stop() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
            "IF (SELECT count(*) FROM busy) > (SELECT n FROM stop_at) THEN RAISE EXCEPTION 'stopped'; "
            "END IF; RETURN NULL; END $$"
        )
        connection.execute(
            "CREATE TRIGGER stop BEFORE UPDATE ON busy FOR EACH STATEMENT EXECUTE FUNCTION stop()"
        )
    with pytest.raises(MigrationFailed, match="stopped"):
        migrate(tmp_path, batch_rows=50)
    with psycopg.connect(busy, autocommit=True) as connection:
        connection.execute("UPDATE stop_at SET n = 9999")
    reported: list[BackfillProgress] = []
    assert migrate(tmp_path, batch_rows=50, report=reported.append) == ["0001_touch"]
    assert reported[-1].rows == 200


def test_a_backfill_of_an_empty_table_is_done_at_once(empty_database: str, tmp_path: Path) -> None:
    with psycopg.connect(empty_database, autocommit=True) as connection:
        connection.execute("CREATE TABLE slow (id int PRIMARY KEY, touched int)")
    names = {"kind": "backfill", "table": "slow", "key": "id"}
    write(tmp_path, "0001_touch", "UPDATE slow SET touched = 1" + RANGE, **names)
    assert migrate(tmp_path) == ["0001_touch"]
