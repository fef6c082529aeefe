"""A product database, a ClickHouse, and the rollup DAG's own operators between them."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from slipway.ledger.ledger import Ledger

from sandbox.databases import postgres
from sandbox.databases.clickhouse.program import program as clickhouse_program
from sandbox.supervisor import credentials
from sandbox.supervisor.settings import HOST, REPOSITORY, Settings
from tests.integration.database_servers import kill, running, start
from tests.integration.kpi.ground_truth import add_users
from tests.integration.kpi.rollup import Rollup
from tests.own_sandbox import own_sandbox

SQL = REPOSITORY / "include" / "sql"
POSTGRES = SQL / "postgres"


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


@pytest.fixture(scope="session")
def settings() -> Iterator[Settings]:
    """A sandbox of these tests' own."""
    with own_sandbox() as own:
        yield own


@pytest.fixture(scope="session")
def postgres_server(settings: Settings) -> Iterator[Settings]:
    """The product's PostgreSQL."""
    with running(postgres.program(settings), settings):
        postgres.create_databases(settings)
        yield settings


@pytest.fixture(scope="session")
def clickhouse(settings: Settings) -> Iterator[ClickHouseServer]:
    """A running ClickHouse."""
    server = ClickHouseServer(settings)
    server.start()
    yield server
    server.kill()


@pytest.fixture
def empty_source(postgres_server: Settings) -> Iterator[psycopg.Connection]:
    """The product's database before any release: users, and no table of token usage."""
    with psycopg.connect(postgres.uri(postgres_server, "netra_production"), autocommit=True) as connection:
        connection.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
        connection.execute((POSTGRES / "seed" / "0001_users.sql").read_text())
        add_users(connection, 400)
        yield connection


@pytest.fixture
def blank_source(postgres_server: Settings) -> Iterator[psycopg.Connection]:
    """The product's database after a release's migrations, without a row."""
    with psycopg.connect(postgres.uri(postgres_server, "netra_production"), autocommit=True) as connection:
        connection.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
        connection.execute((POSTGRES / "seed" / "0001_users.sql").read_text())
        migrate(connection, POSTGRES / "migrations")
        yield connection


@pytest.fixture
def source(empty_source: psycopg.Connection) -> psycopg.Connection:
    """The product's database after a release's migrations, with the prices that always held."""
    migrate(empty_source, POSTGRES / "migrations")
    empty_source.execute(
        "INSERT INTO token_price (model, effective_from, usd_per_token) "
        "VALUES ('gpt-4', '2020-01-01', 0.00003), ('gpt-3.5-turbo', '2020-01-01', 0.0000015)"
    )
    return empty_source


@pytest.fixture
def ledger(postgres_server: Settings, monkeypatch: pytest.MonkeyPatch) -> Ledger:
    """The ledger, without a release."""
    uri = postgres.uri(postgres_server, "slipway")
    monkeypatch.setenv("AIRFLOW_CONN_SLIPWAY_LEDGER", uri)
    with psycopg.connect(uri, autocommit=True) as connection:
        connection.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
        migrate(connection, SQL / "ledger" / "migrations")
    return Ledger()


def migrate(connection: psycopg.Connection, folder: Path) -> None:
    """Apply a folder's migrations."""
    for path in sorted(folder.glob("*.sql")):
        if not path.stem.endswith(".rollback"):
            connection.execute(path.read_bytes())


@pytest.fixture
def rollup(
    postgres_server: Settings,
    clickhouse: ClickHouseServer,
    ledger: Ledger,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> Iterator[Rollup]:
    """The DAG's operators over both servers; ClickHouse's database is made anew."""
    secret = credentials.load(postgres_server)
    connection = {
        "conn_type": "clickhouse",
        "host": HOST,
        "port": postgres_server.clickhouse_port,
        "login": "slipway",
        "password": secret.clickhouse_password,
        "schema": "kpi",
    }
    monkeypatch.setenv("AIRFLOW_CONN_SLIPWAY_CLICKHOUSE", json.dumps(connection))
    monkeypatch.setenv("AIRFLOW_CONN_NETRA_PRODUCTION_DB", postgres.uri(postgres_server, "netra_production"))
    monkeypatch.setenv("SLIPWAY_DATA_DOCS", str(tmp_path / "data_docs"))
    made = Rollup(postgres_server)
    made.command("DROP DATABASE IF EXISTS kpi SYNC")
    made.command("CREATE DATABASE kpi")
    yield made
    made.close()
