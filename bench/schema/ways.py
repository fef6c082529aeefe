"""Two ways to migrate: with the release's own hook, and with the statements that come to mind first."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psycopg
from slipway.exceptions import MigrationFailed
from slipway.hooks.postgres.migrations import SchemaHook
from slipway.hooks.postgres.session import DatabaseIdentity
from slipway.policy.release import load_policy

MIGRATIONS = Path(__file__).with_name("migrations")
TRIES_BESIDE_A_HELD_TABLE = 4
_IDENTITY = DatabaseIdentity("bench", "bench")
_CONNECTION = "bench"
_NAIVE = {
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


@dataclass(frozen=True)
class Way:
    """A way to migrate.

    :param title: above its part of the table.
    :param database: that it migrates.
    :param steps: names of its migrations.
    :param step: takes a database's URI, a migration's name and whether the table is held meanwhile; returns
        what became of it.
    :param undo: takes back what its first step left, given a database's URI.
    :param waits: whether it waits for a held table until it is free, rather than giving up.
    """

    title: str
    database: str
    steps: tuple[str, ...]
    step: Callable[[str, str, bool], str]
    undo: Callable[[str], None]
    waits: bool


def _release(uri: str, name: str, held: bool) -> str:
    os.environ[f"AIRFLOW_CONN_{_CONNECTION.upper()}"] = uri
    pace, hook = load_policy("release.yaml").schema_rules.pace, SchemaHook(_CONNECTION)
    if held:
        pace = pace.model_copy(update={"attempts": TRIES_BESIDE_A_HELD_TABLE})
    try:
        hook.migrate(MIGRATIONS, pace=pace, identity=_IDENTITY, only=[name])
    except MigrationFailed as error:
        left = [was.name for was in hook.applied()] + _waiting(uri)
        how = f"but left {', '.join(left)}" if left else "nothing is left"
        return f"gave up after {pace.attempts} tries, {how}: {str(error).rpartition(': ')[2]}"
    return "done"


def _waiting(uri: str) -> list[str]:
    """Return the column that would be there, and the locks that a migration holds or waits for."""
    with psycopg.connect(uri) as connection:
        found = connection.execute(
            "SELECT attname FROM pg_attribute "
            "WHERE attrelid = 'token_usage_tracking'::regclass AND attname = 'tokens_saved' "
            "UNION ALL SELECT lock.mode FROM pg_locks AS lock JOIN pg_stat_activity USING (pid) "
            "WHERE lock.relation = 'token_usage_tracking'::regclass "
            "AND application_name = 'slipway migration'"
        )
        return [name for (name,) in found]


def _naive(uri: str, name: str, held: bool) -> str:
    del held
    with psycopg.connect(uri, autocommit=True) as connection:
        connection.execute(_NAIVE[name].encode())
    return "done"


def _undo(uri: str) -> None:
    with psycopg.connect(uri, autocommit=True) as connection:
        connection.execute("ALTER TABLE token_usage_tracking DROP COLUMN tokens_saved")


RELEASE = Way(
    "as a release does it",
    "released",
    tuple(path.stem for path in sorted(MIGRATIONS.glob("*.sql"))),
    _release,
    lambda _: None,
    waits=False,
)
NAIVE = Way("the naive way", "naive", tuple(_NAIVE), _naive, _undo, waits=True)
