"""An empty ledger, the Google APIs behind a proxy that can fail, and hooks that talk to them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from slipway.commands.migrate_ledger import migrate_ledger
from slipway.hooks.cloud_run.hook import CloudRunTrafficHook
from slipway.ledger.ledger import Ledger

from sandbox.databases import postgres
from sandbox.supervisor import credentials
from sandbox.supervisor.settings import HOST, Settings
from tests.integration.slipway.hooks.fault_proxy import FaultProxy, fault_proxy
from tests.integration.slipway.hooks.web_service import PROJECT

LEDGER = "test_ledger"


def ledger_connection(server: Settings, name: str) -> str:
    """Return a database of the server as an Airflow connection."""
    connection = {
        "conn_type": "postgres",
        "host": HOST,
        "port": server.postgres_port,
        "login": postgres.SUPERUSER,
        "password": credentials.load(server).postgres_password,
        "schema": name,
    }
    return json.dumps(connection)


def make_database(server: Settings, name: str, template: str = "template1") -> None:
    """Make a database anew, as another one is to which nobody is connected."""
    with psycopg.connect(postgres.uri(server, "slipway"), autocommit=True) as connection:
        made, of = sql.Identifier(name), sql.Identifier(template)
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(made))
        connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(made, of))


@pytest.fixture
def database_connection(postgres_server: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """Connection URI of a database that is still to be made; ``slipway_ledger`` names it."""
    monkeypatch.setenv("SLIPWAY_ANCHORS", str(tmp_path / "anchors"))
    monkeypatch.setenv("AIRFLOW_CONN_SLIPWAY_LEDGER", ledger_connection(postgres_server, LEDGER))
    return postgres.uri(postgres_server, LEDGER)


@pytest.fixture
def empty_database(database_connection: str, postgres_server: Settings) -> str:
    """Connection URI of an empty database, which the Airflow connection ``slipway_ledger`` names."""
    make_database(postgres_server, LEDGER)
    return database_connection


@pytest.fixture(scope="session")
def migrated_database(postgres_server: Settings) -> str:
    """Name of a database that is an empty ledger: to be copied, which takes a tenth of the migrations."""
    name = "migrated_ledger"
    make_database(postgres_server, name)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(f"AIRFLOW_CONN_{name.upper()}", ledger_connection(postgres_server, name))
        migrate_ledger(name)
    return name


@pytest.fixture
def ledger_database(database_connection: str, postgres_server: Settings, migrated_database: str) -> str:
    """Connection URI of an empty ledger's database."""
    make_database(postgres_server, LEDGER, template=migrated_database)
    return database_connection


@pytest.fixture
def ledger(ledger_database: str) -> Ledger:
    """An empty ledger."""
    return Ledger()


@pytest.fixture(scope="session")
def google_proxy(cloud_server: Settings) -> Iterator[FaultProxy]:
    """A proxy in front of the Google APIs."""
    with fault_proxy(f"http://{HOST}:{cloud_server.google_port}") as running_proxy:
        yield running_proxy


@pytest.fixture
def proxy(google_proxy: FaultProxy, monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultProxy]:
    """The same proxy, without faults, as the address in the Google connection."""
    google_proxy.reset()
    names = ("run", "secretmanager", "sqladmin", "storage")
    extra = {
        "project": PROJECT,
        "is_anonymous": True,
        "api_endpoints": dict.fromkeys(names, google_proxy.url),
    }
    connection = {"conn_type": "google_cloud_platform", "extra": extra}
    monkeypatch.setenv("AIRFLOW_CONN_GOOGLE_CLOUD_DEFAULT", json.dumps(connection))
    yield google_proxy
    google_proxy.reset()


@pytest.fixture
def cloud_run(proxy: FaultProxy) -> Iterator[CloudRunTrafficHook]:
    """The hook under test."""
    hook = CloudRunTrafficHook()
    yield hook
    hook.close()


@pytest.fixture(scope="session")
def image(cloud_server: Settings) -> Callable[[str], str]:
    """Turn ``frontend:1.1.0`` into a reference to the sandbox's registry."""

    def reference(name: str) -> str:
        return f"{HOST}:{cloud_server.registry_port}/netra/{name}"

    return reference
