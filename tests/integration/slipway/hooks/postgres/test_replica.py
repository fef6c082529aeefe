"""A backfill waits for a streaming replica that does not keep up, and goes on when it has caught up."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from slipway.exceptions import MigrationFailed
from slipway.hooks.postgres import backfill as schema_backfill
from slipway.hooks.postgres.backfill import BackfillProgress

from sandbox.databases import postgres
from sandbox.databases.server_user import server_folder, server_user
from sandbox.supervisor.processes import running
from sandbox.supervisor.settings import Settings
from tests.integration.slipway.hooks.postgres.migrating import CONNECTION, migrate, write
from tests.own_sandbox import own_sandbox

pytestmark = pytest.mark.sandbox

ROWS, BATCH, LAG = 50_000, 100, 0.3
FILL = """UPDATE numbers SET doubled = 2 * id
 WHERE id > coalesce(nullif(current_setting('slipway.after', true), ''), '0')::int
   AND id <= coalesce(nullif(current_setting('slipway.upto', true), ''), '9999999')::int;"""


@pytest.fixture(scope="module")
def replica(postgres_server: Settings) -> Iterator[Callable[[str], str]]:
    """Return the URI of a database on a streaming replica of the tests' server."""
    with own_sandbox() as settings:
        shutil.copy2(postgres_server.home / "credentials.json", settings.home / "credentials.json")
        cluster = server_folder(settings, "postgres") / "cluster"
        subprocess.run(
            [
                str(postgres.client_program("pg_basebackup")),
                f"--dbname={postgres.uri(postgres_server, 'slipway')}",
                f"--pgdata={cluster}",
                "--write-recovery-conf",
                "--checkpoint=fast",
                "--no-sync",
            ],
            check=True,
            capture_output=True,
            timeout=60,
        )
        user = server_user()
        for path in (cluster, *cluster.rglob("*")):
            if user is not None:
                os.chown(path, user.uid, user.gid, follow_symlinks=False)
        with running(postgres.program(settings), settings):
            yield lambda database: postgres.uri(settings, database)


@pytest.fixture
def behind(
    replica: Callable[[str], str], empty_database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[psycopg.Connection]:
    """A connection to the replica, which has the table to be filled, and has stopped to replay."""
    monkeypatch.setattr(schema_backfill, "REPORT_SECONDS", 0)
    monkeypatch.setattr(schema_backfill, "_LAG_POLL_SECONDS", 0.05)
    write(tmp_path, "0001_fill", FILL, kind="backfill", table="numbers", key="id")
    with psycopg.connect(empty_database, autocommit=True) as connection:
        connection.execute("CREATE TABLE numbers (id int PRIMARY KEY, doubled int)")
        connection.execute(f"INSERT INTO numbers SELECT generate_series(1, {ROWS})".encode())
        connection.execute("ANALYZE numbers")
    database = empty_database.rpartition("/")[2]
    with psycopg.connect(replica("slipway"), autocommit=True) as follower:
        until(lambda: count(follower, "pg_database WHERE datname = %s", database) == 1)
    with psycopg.connect(replica(database), autocommit=True) as follower:
        until(lambda: count(follower, "pg_class WHERE relname = 'numbers' AND reltuples = %s", ROWS) == 1)
        follower.execute("SELECT pg_wal_replay_pause()")
        until(lambda: paused(follower))
        yield follower
        follower.execute("SELECT pg_wal_replay_resume()")


def test_it_waits_while_the_replica_replays_nothing_and_ends_when_it_goes_on(
    behind: psycopg.Connection, empty_database: str, tmp_path: Path
) -> None:
    told: list[BackfillProgress] = []
    done: list[str] = []
    thread = threading.Thread(
        target=lambda: done.extend(
            migrate(tmp_path, report=told.append, batch_rows=BATCH, maximum_replica_lag_seconds=LAG)
        )
    )
    thread.start()
    until(lambda: len(told) > 1 and lag(told[-2]) > LAG and told[-1].rows == told[-2].rows)
    waited_at = told[-1]
    until(lambda: lag(told[-1]) > lag(waited_at) + 1)
    assert told[-1].rows == waited_at.rows < ROWS, "not a batch while the replica is behind"
    assert re.search(r"replica lag \d+\.\d", str(told[-1]))
    assert count(behind, "numbers WHERE doubled IS NOT NULL") == 0
    behind.execute("SELECT pg_wal_replay_resume()")
    thread.join(60)
    assert done == ["0001_fill"]
    until(lambda: count(behind, "numbers WHERE doubled = 2 * id") == ROWS)


def test_a_replica_that_stays_behind_ends_the_backfill_which_goes_on_where_it_was(
    behind: psycopg.Connection, tmp_path: Path
) -> None:
    told: list[BackfillProgress] = []
    with pytest.raises(MigrationFailed, match=r"a replica has lagged more than 0\.3 s for 0\.5 s"):
        migrate(
            tmp_path,
            report=told.append,
            batch_rows=BATCH,
            maximum_replica_lag_seconds=LAG,
            statement_timeout_seconds=0.5,
        )
    got_to = told[-1].rows
    assert 0 < got_to < ROWS
    behind.execute("SELECT pg_wal_replay_resume()")
    told.clear()
    assert migrate(tmp_path, report=told.append, batch_rows=20_000) == ["0001_fill"]
    assert told[0].rows > got_to
    until(lambda: count(behind, "numbers WHERE doubled = 2 * id") == ROWS)


def lag(progress: BackfillProgress) -> float:
    return progress.lag_seconds or 0.0


def count(connection: psycopg.Connection, what: str, *values: object) -> int:
    row = connection.execute(f"SELECT count(*) FROM {what}".encode(), values or None).fetchone()
    assert row is not None
    return int(row[0])


def paused(connection: psycopg.Connection) -> bool:
    return connection.execute("SELECT pg_get_wal_replay_pause_state()").fetchone() == ("paused",)


def until(what: Callable[[], bool]) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + 60
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_replica_and_a_session_that_only_reads_take_no_migration(
    replica: Callable[[str], str], empty_database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, "0001_one", "CREATE TABLE one (id int);")
    with psycopg.connect(empty_database, autocommit=True) as connection:
        name = empty_database.rpartition("/")[2]
        connection.execute(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on'.encode())
    with pytest.raises(MigrationFailed, match="sessions are read-only; take default_transaction"):
        migrate(tmp_path)
    monkeypatch.setenv(f"AIRFLOW_CONN_{CONNECTION.upper()}", replica("slipway"))
    with pytest.raises(
        MigrationFailed, match=r"is a read replica, .*; let the connection lead to the primary"
    ):
        migrate(tmp_path)
