"""The database server breaks down in the middle of a migration: it is come back to, or a re-run goes on."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from slipway.exceptions import MigrationFailed
from slipway.hooks.postgres import backfill as schema_backfill
from slipway.hooks.postgres.backfill import BackfillProgress

from sandbox.databases import postgres
from sandbox.supervisor.processes import kill, start
from sandbox.supervisor.settings import Settings
from tests.integration.slipway.hooks.postgres.migrating import CONNECTION, applied, migrate, write
from tests.own_sandbox import own_sandbox

pytestmark = pytest.mark.sandbox

FILL = """UPDATE numbers SET doubled = 2 * id
 WHERE id > coalesce(nullif(current_setting('slipway.after', true), ''), '0')::bigint
   AND id <= coalesce(nullif(current_setting('slipway.upto', true), ''), '9999999')::bigint;"""


class Server:
    """A PostgreSQL server that can be cut off and started again."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._process: subprocess.Popen[bytes] | None = None
        self.uri = ""

    def start(self) -> None:
        self._process = start(postgres.program(self._settings), self._settings)
        self.uri = postgres.uri(self._settings, "slipway")

    def cut_off(self) -> None:
        """End it at once, its sessions with it."""
        assert self._process is not None
        kill(self._process)


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A server with a table of 1000 rows, and three migrations to do on it."""
    with own_sandbox() as settings:
        made = Server(settings)
        made.start()
        monkeypatch.setenv(f"AIRFLOW_CONN_{CONNECTION.upper()}", made.uri)
        monkeypatch.setattr(schema_backfill, "REPORT_SECONDS", 0)
        with psycopg.connect(made.uri, autocommit=True) as connection:
            connection.execute("CREATE TABLE numbers (id bigint PRIMARY KEY)")
            connection.execute("INSERT INTO numbers SELECT generate_series(1, 1000)")
        write(tmp_path, "0001_column", "ALTER TABLE numbers ADD COLUMN doubled bigint;")
        names = {"depends": "0001_column", "kind": "backfill", "table": "numbers", "key": "id"}
        write(tmp_path, "0002_fill", FILL, **names)
        index = "CREATE INDEX CONCURRENTLY IF NOT EXISTS numbers_doubled ON numbers (doubled);"
        write(tmp_path, "0003_index", index, depends="0002_fill", transactional="false")
        yield made
        made.cut_off()


def whole(uri: str) -> bool:
    with psycopg.connect(uri) as connection:
        found = connection.execute(
            "SELECT count(*) FILTER (WHERE doubled = 2 * id), "
            "(SELECT bool_and(indisvalid) FROM pg_index WHERE indrelid = 'numbers'::regclass) FROM numbers"
        ).fetchone()
    return found == (1000, True)


def test_a_server_that_is_back_soon_is_come_back_to_within_the_same_run(
    server: Server, tmp_path: Path
) -> None:
    told: list[int] = []

    def restart(progress: BackfillProgress) -> None:
        told.append(progress.rows)
        if progress.rows == 300:
            server.cut_off()
            server.start()

    names = migrate(tmp_path, report=restart, batch_rows=100, attempts=5)
    assert names == ["0001_column", "0002_fill", "0003_index"]
    assert told[:5] == [100, 200, 300, 400, 500], "it goes on after its last batch"
    assert whole(server.uri)


def test_a_server_that_stays_away_ends_the_run_and_the_next_one_goes_on(
    server: Server, tmp_path: Path
) -> None:
    def cut_off(progress: BackfillProgress) -> None:
        if progress.rows == 300:
            server.cut_off()

    with pytest.raises(
        MigrationFailed, match=r"migration 0002_fill failed, tried at most 3 times: .*refused"
    ):
        migrate(tmp_path, report=cut_off, batch_rows=100, attempts=3)
    server.start()
    assert applied() == ["0001_column"]
    told: list[int] = []
    names = migrate(tmp_path, report=lambda progress: told.append(progress.rows), batch_rows=100)
    assert names == ["0002_fill", "0003_index"]
    assert told[0] == 400
    assert whole(server.uri)
