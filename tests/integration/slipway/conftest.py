"""A real PostgreSQL with an empty ledger, and the connections to it."""

from __future__ import annotations

import json
from collections.abc import Iterator

import psycopg
import pytest
from psycopg import sql
from slipway.commands.migrate_ledger import migrate_ledger
from slipway.ledger.ledger import Ledger

from sandbox.databases import postgres
from sandbox.supervisor import credentials
from sandbox.supervisor.settings import HOST, Settings
from tests.integration.database_servers import running
from tests.own_sandbox import own_sandbox


@pytest.fixture(scope="session")
def database_server() -> Iterator[Settings]:
    """A PostgreSQL server of these tests' own."""
    with own_sandbox() as settings, running(postgres.program(settings), settings):
        postgres.create_databases(settings)
        yield settings


@pytest.fixture
def empty_database(database_server: Settings, monkeypatch: pytest.MonkeyPatch) -> str:
    """Connection URI of an empty database, which the Airflow connection ``slipway_ledger`` names."""
    name = "test_ledger"
    with psycopg.connect(postgres.uri(database_server, "slipway"), autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    extra = {
        "conn_type": "postgres",
        "host": HOST,
        "port": database_server.postgres_port,
        "login": postgres.SUPERUSER,
        "password": credentials.load(database_server).postgres_password,
        "schema": name,
    }
    monkeypatch.setenv("AIRFLOW_CONN_SLIPWAY_LEDGER", json.dumps(extra))
    return postgres.uri(database_server, name)


@pytest.fixture
def ledger(empty_database: str) -> Ledger:
    """An empty ledger."""
    migrate_ledger()
    return Ledger()
