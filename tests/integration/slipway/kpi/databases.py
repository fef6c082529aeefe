"""The databases between which the rollup works: made empty, migrated, and named by connections."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from sandbox.databases import postgres
from sandbox.databases.clickhouse.program import program as clickhouse_program
from sandbox.supervisor import credentials
from sandbox.supervisor.settings import HOST, REPOSITORY, Settings
from tests.integration.database_servers import kill, start
from tests.integration.slipway.kpi.rollup import Rollup

SQL = REPOSITORY / "include" / "sql"
USERS = SQL / "postgres" / "seed" / "0001_users.sql"


class ClickHouseServer:
    """A ClickHouse that can be killed and started again."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it answers."""
        self._process = start(clickhouse_program(self.settings), self.settings)

    def kill(self) -> None:
        """End it at once."""
        if self._process is not None:
            kill(self._process)


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
