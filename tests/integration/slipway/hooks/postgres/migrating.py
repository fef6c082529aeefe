"""What the tests of migrations share: a pace for tests, and migrations written in a line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from slipway.hooks.postgres.migrations import SchemaHook
from slipway.hooks.postgres.session import DatabaseIdentity
from slipway.policy.migrations import Pace
from slipway.sql import SQL_DIRECTORY

PRODUCT = SQL_DIRECTORY / "postgres" / "migrations"
IDENTITY = DatabaseIdentity("product", "test")
CONNECTION = "slipway_ledger"
QUICK = Pace(
    longest_query_wait_seconds=10,
    lock_timeout_seconds=0.2,
    blocking_seconds=5,
    statement_timeout_seconds=20,
    concurrent_wait_seconds=5,
    attempts=2,
    retry_wait_seconds=0.1,
    batch_rows=50,
    batch_seconds=5,
    batch_pause_seconds=0,
    maximum_replica_lag_seconds=5,
)


def migrate(directory: Path, *, identity: DatabaseIdentity = IDENTITY, **changes: Any) -> list[str]:
    """Apply what is missing in a folder, at a pace for tests with some of it changed."""
    options = {key: changes.pop(key) for key in ("only", "report", "require") if key in changes}
    pace = QUICK.model_copy(update=changes)
    return SchemaHook(CONNECTION).migrate(directory, pace=pace, identity=identity, **options)


def applied() -> list[str]:
    """Names of what the database has."""
    return [was.name for was in SchemaHook(CONNECTION).applied()]


def write(folder: Path, name: str, statement: str, **header: str) -> None:
    """Write a migration that declares itself."""
    fields = {"kind": "expand", "runs_with": ">=1.0.0", **header}
    (folder / f"{name}.sql").write_text(
        "".join(f"-- {key}: {value}\n" for key, value in fields.items()) + f"\n{statement}\n"
    )
