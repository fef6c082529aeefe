"""The databases between which the rollup works: made empty, migrated, and named by connections."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from sandbox.databases import postgres
from sandbox.supervisor import credentials
from sandbox.supervisor.settings import HOST, REPOSITORY, Settings
from tests.integration.slipway.kpi.rollup import Rollup

SQL = REPOSITORY / "include" / "sql"
USERS = SQL / "postgres" / "seed" / "0001_users.sql"


@contextmanager
def connections(settings: Settings, data_docs: Path) -> Iterator[None]:
    """Name the product's database, the ledger and the warehouse as Airflow connections."""
    clickhouse = {
        "conn_type": "clickhouse",
        "host": HOST,
        "port": settings.clickhouse_port,
        "login": "slipway",
        "password": credentials.load(settings).clickhouse_password,
        "schema": "kpi",
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRFLOW_CONN_SLIPWAY_CLICKHOUSE", json.dumps(clickhouse))
        patch.setenv("AIRFLOW_CONN_NETRA_PRODUCTION_DB", postgres.uri(settings, "netra_production"))
        patch.setenv("AIRFLOW_CONN_SLIPWAY_LEDGER", postgres.uri(settings, "slipway"))
        patch.setenv("SLIPWAY_DATA_DOCS", str(data_docs))
        yield


def empty_warehouse(rollup: Rollup) -> None:
    """Make the warehouse's database anew."""
    rollup.command("DROP DATABASE IF EXISTS kpi SYNC")
    rollup.command("CREATE DATABASE kpi")


def empty_ledger(settings: Settings) -> None:
    """Make the ledger anew, without a release."""
    with psycopg.connect(postgres.uri(settings, "slipway"), autocommit=True) as connection:
        connection.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
        migrate(connection, SQL / "ledger" / "migrations")


def empty_source(connection: psycopg.Connection, *, migrated: bool = True) -> None:
    """Make the product's database anew.

    :param migrated: as after a release's migrations; without, there is no table of token usage yet.
    """
    connection.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    connection.execute(USERS.read_bytes())
    if migrated:
        migrate(connection, SQL / "postgres" / "migrations")


def migrate(connection: psycopg.Connection, folder: Path) -> None:
    """Apply a folder's migrations."""
    for path in sorted(folder.glob("*.sql")):
        if not path.stem.endswith(".rollback"):
            connection.execute(path.read_bytes())
