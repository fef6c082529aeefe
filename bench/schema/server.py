"""A PostgreSQL with one big table of the product."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import replace

import psycopg
from psycopg import sql

from bench.kpi.source import SQL, USERS, add_people
from sandbox.databases import postgres
from sandbox.supervisor.processes import running
from sandbox.supervisor.settings import Settings

FILLED = "filled"
# As a server has them whose table of ten million rows is in its memory, and whose data are to survive.
_OPTIONS = {
    "shared_buffers": "4GB",
    "max_wal_size": "4GB",
    "fsync": "on",
    "full_page_writes": "on",
    "synchronous_commit": "on",
    "log_min_duration_statement": "-1",
}
_FILL = """
INSERT INTO token_usage_tracking (
    id, user_id, session_key, agent_name, tokens_used, cost_usd, optimization_applied, created_at,
    tokens_original
)
SELECT md5(n::text)::uuid, md5((1 + n * 7919 % {people})::text)::uuid, 'session-' || n % 5000,
       'agent-' || n % 8, 100 + n % 900, (100 + n % 900) * 0.00003, true,
       timestamp '2026-01-31' + n * interval '86400 seconds' / {rows}, 130 + n % 900
  FROM generate_series(1::bigint, {rows}) AS n
"""


@contextlib.contextmanager
def server(settings: Settings) -> Iterator[None]:
    """Run a server for as long as the block lasts."""
    program = postgres.program(settings)
    options = [f"--{name}={value}" for name, value in _OPTIONS.items()]
    program = replace(program, command=[*program.command, *options])
    with running(program, settings):
        yield


def copy(settings: Settings, name: str) -> str:
    """Copy the filled database, and return the copy's connection URI."""
    with psycopg.connect(postgres.uri(settings, "postgres"), autocommit=True) as connection:
        connection.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY").format(
                sql.Identifier(name), sql.Identifier(FILLED)
            )
        )
    return postgres.uri(settings, name)


def fill(settings: Settings, rows: int) -> None:
    """Make the product's table as its first release leaves it, and fill it."""
    with psycopg.connect(postgres.uri(settings, "postgres"), autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(FILLED)))
    with psycopg.connect(postgres.uri(settings, FILLED), autocommit=True) as connection:
        add_people(connection)
        for path in sorted((SQL / "postgres" / "migrations").glob("000*.sql")):
            if not path.stem.endswith(".rollback"):
                connection.execute(path.read_text().encode())
        # Indexes are built faster at the end than kept up on the way.
        indexes = connection.execute(
            "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = 'token_usage_tracking' "
            "AND indexname <> 'token_usage_tracking_pkey'"
        ).fetchall()
        for name, _ in indexes:
            connection.execute(f"DROP INDEX {name}".encode())
        connection.execute("ALTER TABLE token_usage_tracking DROP CONSTRAINT token_usage_tracking_pkey")
        connection.execute(_FILL.format(rows=rows, people=USERS).encode())
        connection.execute("SET maintenance_work_mem = '1GB'")
        connection.execute("ALTER TABLE token_usage_tracking ADD PRIMARY KEY (id)")
        for _, definition in indexes:
            connection.execute(definition.encode())
        connection.execute("VACUUM ANALYZE token_usage_tracking")
        connection.execute("CHECKPOINT")
