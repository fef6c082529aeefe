"""What an application's queries wait while its table is migrated: as a release does it, and naively.

    python -m bench.schema [--rows 10000000] [--hold 20]

Starts its own PostgreSQL in a temporary folder, fills ``token_usage_tracking``, and prints one table: for
every step the longest wait of any query, for both ways, alone and beside a transaction that holds the table.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql
from slipway.exceptions import MigrationFailed
from slipway.hooks.schema import SchemaHook
from slipway.hooks.schema_session import DatabaseIdentity
from slipway.policy import load_policy

from bench.kpi.source import SQL, add_people
from bench.schema.load import Load
from sandbox.databases import postgres
from sandbox.processes import launch, wait_ready
from sandbox.settings import Settings
from tests.own_sandbox import own_sandbox

MIGRATIONS = Path(__file__).with_name("migrations")
IDENTITY = DatabaseIdentity("bench", "bench")
NAIVE = {
    "0001_column": "ALTER TABLE token_usage_tracking ADD COLUMN tokens_saved integer",
    "0002_index": "CREATE INDEX idx_token_usage_agent ON token_usage_tracking(agent_name, created_at)",
    "0003_backfill": (
        "UPDATE token_usage_tracking SET tokens_saved = coalesce(tokens_original, tokens_used) - tokens_used"
    ),
    "0004_constraint": (
        "ALTER TABLE token_usage_tracking ADD CONSTRAINT tokens_saved_positive "
        "CHECK (tokens_saved IS NULL OR tokens_saved >= 0)"
    ),
    "0006_contract": "ALTER TABLE token_usage_tracking DROP COLUMN optimization_succeeded",
}
FILL = """
INSERT INTO token_usage_tracking (
    id, user_id, session_key, agent_name, tokens_used, cost_usd, optimization_applied, created_at,
    tokens_original
)
SELECT gen_random_uuid(), md5((1 + n % 400)::text)::uuid, 'session-' || n % 5000, 'agent-' || n % 8,
       100 + n % 900, (100 + n % 900) * 0.00003, true,
       timestamp '2026-01-31' + n * interval '86400 seconds' / {rows}, 130 + n % 900
  FROM generate_series(1, {rows}) AS n
"""

Step = Callable[[str, str], str]
"""Takes a database's URI and a migration's name; returns what became of it."""


@dataclass(frozen=True)
class Row:
    """One step of one way.

    :param waits: seconds of every query of the application meanwhile.
    """

    step: str
    seconds: float
    waits: list[float]
    errors: int
    outcome: str


def main() -> None:
    """Run the benchmark and print its table."""
    parser = argparse.ArgumentParser(prog="python -m bench.schema", description="Migrate a table under load.")
    parser.add_argument("--rows", type=int, default=10_000_000, help="rows of the table")
    parser.add_argument("--hold", type=float, default=20.0, help="seconds for which a transaction holds it")
    options = parser.parse_args()
    with own_sandbox() as settings, _server(settings):
        _fill(settings, options.rows)
        head = (
            f"{'step':<34}{'seconds':>9}{'queries':>9}{'p99 ms':>9}{'longest ms':>12}{'errors':>7}  outcome"
        )
        lines = []
        for title, way in (("as a release does it", _slipway), ("the naive way", _naive)):
            lines += ["", title, head, *(_line(row) for row in _run(settings, way, options.hold))]
    # Last, in one piece: the hooks' log lines come before it.
    print(f"{options.rows:,} rows; 4 sessions, each with 20 ms between two queries")
    print("\n".join(lines))


def _run(settings: Settings, way: Step, hold: float) -> Iterator[Row]:
    uri = _copy(settings)
    for name in NAIVE if way is _naive else (path.stem for path in sorted(MIGRATIONS.glob("*.sql"))):
        yield _measure(uri, name, way)
    uri = _copy(settings)
    with psycopg.connect(uri) as holder:
        holder.execute("SELECT count(*) FROM (SELECT FROM token_usage_tracking LIMIT 1) AS one")
        ending = threading.Timer(hold, holder.rollback)
        ending.start()
        yield _measure(uri, "0001_column", way, held=True)
        ending.join()


def _measure(uri: str, name: str, way: Step, *, held: bool = False) -> Row:
    with Load(uri) as load:
        time.sleep(1)
        began = time.perf_counter()
        outcome = way(uri, name)
        seconds = time.perf_counter() - began
        time.sleep(1)
    return Row(f"{name}{', table held' * held}", seconds, sorted(load.seconds), len(load.errors), outcome)


def _slipway(uri: str, name: str) -> str:
    os.environ["AIRFLOW_CONN_BENCH"] = uri
    try:
        SchemaHook("bench").migrate(
            MIGRATIONS, pace=load_policy("release.yaml").migrations.pace, identity=IDENTITY, only=[name]
        )
    except MigrationFailed as error:
        return f"gave up: {str(error).rpartition(': ')[2][:60]}"
    return "done"


def _naive(uri: str, name: str) -> str:
    with psycopg.connect(uri, autocommit=True) as connection:
        connection.execute(NAIVE[name].encode())
    return "done"


def _line(row: Row) -> str:
    p99 = row.waits[int(0.99 * (len(row.waits) - 1))] * 1000
    return (
        f"{row.step:<34}{row.seconds:>9.1f}{len(row.waits):>9}{p99:>9.0f}{row.waits[-1] * 1000:>12.0f}"
        f"{row.errors:>7}  {row.outcome}"
    )


def _fill(settings: Settings, rows: int) -> None:
    with psycopg.connect(postgres.uri(settings, "netra_production"), autocommit=True) as connection:
        add_people(connection)
        for path in sorted((SQL / "postgres" / "migrations").glob("000*.sql")):
            if not path.stem.endswith(".rollback"):
                connection.execute(path.read_text().encode())
        connection.execute(FILL.format(rows=rows).encode())
        connection.execute("VACUUM ANALYZE token_usage_tracking")


def _copy(settings: Settings) -> str:
    with psycopg.connect(postgres.uri(settings, "postgres"), autocommit=True) as connection:
        connection.execute("DROP DATABASE IF EXISTS bench WITH (FORCE)")
        connection.execute(
            sql.SQL("CREATE DATABASE bench TEMPLATE {}").format(sql.Identifier("netra_production"))
        )
    return postgres.uri(settings, "bench")


@contextlib.contextmanager
def _server(settings: Settings) -> Iterator[None]:
    program = postgres.program(settings)
    process = launch(program, settings)
    try:
        wait_ready(program, process, settings)
        postgres.create_databases(settings)
        yield
    finally:
        process.terminate()
        process.wait(20)


if __name__ == "__main__":
    main()
