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


@pytest.fixture
def empty_database(postgres_server: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """Connection URI of an empty database, which the Airflow connection ``slipway_ledger`` names."""
    monkeypatch.setenv("SLIPWAY_ANCHORS", str(tmp_path / "anchors"))
    name = "test_ledger"
    with psycopg.connect(postgres.uri(postgres_server, "slipway"), autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    extra = {
        "conn_type": "postgres",
        "host": HOST,
        "port": postgres_server.postgres_port,
        "login": postgres.SUPERUSER,
        "password": credentials.load(postgres_server).postgres_password,
        "schema": name,
    }
    monkeypatch.setenv("AIRFLOW_CONN_SLIPWAY_LEDGER", json.dumps(extra))
    return postgres.uri(postgres_server, name)


@pytest.fixture
def ledger(empty_database: str) -> Ledger:
    """An empty ledger."""
    migrate_ledger()
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
