"""The product's database, filled with days of usage."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta

import psycopg

from bench.kpi.servers import Servers
from sandbox.databases import postgres
from sandbox.supervisor.settings import REPOSITORY

SQL = REPOSITORY / "include" / "sql"
USERS = 20_000
_PEOPLE = """
INSERT INTO users (id, plan, monthly_budget_usd)
SELECT md5(n::text)::uuid, (ARRAY['free', 'pro', 'enterprise'])[1 + n %% 3], 100
FROM generate_series(1, %s) AS n
"""
# A day is read by created_at alone. Filling tens of millions of rows would mostly be the keeping of other
# indexes and of a log that nobody recovers from.
_ONLY_WHAT_IS_READ = """
ALTER TABLE token_usage_tracking DROP CONSTRAINT token_usage_tracking_pkey;
DROP INDEX idx_token_usage_user_date;
ALTER TABLE token_usage_tracking SET UNLOGGED
"""
_PRICES = (
    "INSERT INTO token_price (model, effective_from, usd_per_token) VALUES ('gpt-4', '2020-01-01', 0.00003)"
)
_FILL = """
INSERT INTO token_usage_tracking (
    id, user_id, session_key, agent_name, tokens_used, cost_usd, optimization_applied, created_at, model,
    tokens_original, cost_original_usd, optimization_succeeded, revision
)
SELECT
    gen_random_uuid(), md5((1 + n * 7919 %% %(users)s)::text)::uuid,
    'session-' || n * 7919 %% %(users)s || '-' || n %% 3, 'agent-' || n %% 8,
    100 + n %% 900, (100 + n %% 900) * 0.00003, true,
    %(day)s::timestamp + n * interval '86400 seconds' / %(rows)s, 'gpt-4',
    130 + n %% 1100, (130 + n %% 1100) * 0.00003, n %% 20 <> 0, 'netra-backend-prod-0000' || n %% 2
FROM generate_series(%(first)s::bigint, %(last)s::bigint - 1) AS n
"""


def create(own: Servers) -> None:
    """Make the product's tables and people, and the ledger's tables."""
    with psycopg.connect(own.source(), autocommit=True) as connection:
        add_people(connection)
        _migrate(connection, "postgres")
        connection.execute(_ONLY_WHAT_IS_READ)
        connection.execute(_PRICES)
    with psycopg.connect(postgres.uri(own.settings, "slipway"), autocommit=True) as connection:
        _migrate(connection, "ledger")


def add_people(connection: psycopg.Connection) -> None:
    """Make the table of people that a product has before any release, and fill it."""
    connection.execute((SQL / "postgres" / "seed" / "0001_users.sql").read_text().encode())
    connection.execute(_PEOPLE, (USERS,))


def fill(own: Servers, first: date, *, days: int, rows: int) -> None:
    """Add days of usage, the same number of rows each."""

    def half(second: bool) -> None:
        middle = rows // 2
        begin, end = (middle, rows) if second else (0, middle)
        with psycopg.connect(own.source(), autocommit=True) as connection:
            for offset in range(days):
                day = (first + timedelta(days=offset)).isoformat()
                part = {"day": day, "rows": rows, "users": USERS, "first": begin, "last": end}
                connection.execute(_FILL, part)

    with ThreadPoolExecutor(2) as both:
        list(both.map(half, (False, True)))
    with psycopg.connect(own.source(), autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE token_usage_tracking")


def empty(own: Servers) -> None:
    """Take all usage away."""
    with psycopg.connect(own.source(), autocommit=True) as connection:
        connection.execute("TRUNCATE token_usage_tracking")


def _migrate(connection: psycopg.Connection, database: str) -> None:
    for path in sorted((SQL / database / "migrations").glob("*.sql")):
        if not path.stem.endswith(".rollback"):
            connection.execute(path.read_text().encode())
