"""One cloud and one ledger for all faults, proxies in front of both, and a process to fork tasks from."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
import yaml
from rich.console import Console
from slipway.commands.migrate_ledger import migrate_ledger
from slipway.hooks.cloud_run.hook import CloudRunTrafficHook
from slipway.ledger.ledger import Ledger

from sandbox.databases import postgres
from sandbox.supervisor import credentials
from sandbox.supervisor.processes import Program, answers, running
from sandbox.supervisor.settings import HOST, REPOSITORY, Settings
from tests import forks
from tests.chaos import fault_table
from tests.chaos.statement_proxy import StatementProxy, statement_proxy
from tests.chaos.world import World
from tests.integration.slipway.hooks.fault_proxy import FaultProxy, fault_proxy
from tests.own_sandbox import own_sandbox

_DATABASE = "chaos_ledger"
HELD = "held"
"""A file in the sandbox's folder: while it is there, instances of the image tagged so do not start."""
_TAGS: dict[str, dict[str, str]] = {
    "1": {},
    "crashes": {"CRASH_ON_START": "1"},
    "hangs": {"HANG_ON_START": "1"},
}


@pytest.fixture(scope="session")
def settings() -> Iterator[Settings]:
    """A sandbox of these tests' own."""
    with own_sandbox() as own:
        yield own


@pytest.fixture(scope="session")
def cloud(settings: Settings) -> Iterator[str]:
    """Base URL of the Google APIs."""
    images, held = settings.home / "images.yaml", settings.home / HELD
    tags: dict[str, dict[str, str]] = {**_TAGS, "held": {"WAIT_WHILE_EXISTS": str(held)}}
    command = ["python", str(REPOSITORY / "bench/container_app.py")]
    images.write_text(yaml.safe_dump({"test/app": {"command": command, "tags": tags}}))
    url = f"http://{HOST}:{settings.google_port}"
    program = Program(
        name="cloud",
        command=[sys.executable, "-m", "sandbox.cloud", "--images", str(images), "--start-seconds", "5"],
        ready=lambda: answers(f"{url}/healthz"),
        bound=90.0,
    )
    with running(program, settings):
        yield url


@pytest.fixture(scope="session")
def api(cloud: str) -> Iterator[FaultProxy]:
    """A proxy in front of the Google APIs."""
    with fault_proxy(cloud) as proxy:
        yield proxy


@pytest.fixture(scope="session")
def web() -> Iterator[tuple[FaultProxy, FaultProxy]]:
    """Proxies in front of the service and of its new revision's tag, once it is known where these are."""
    with fault_proxy("") as service, fault_proxy("") as candidate:
        yield service, candidate


@pytest.fixture(scope="session")
def database(settings: Settings) -> Iterator[StatementProxy]:
    """A proxy in front of the ledger's database."""
    with running(postgres.program(settings), settings):
        postgres.create_databases(settings)
        with psycopg.connect(postgres.uri(settings, "slipway"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {_DATABASE}")
        with statement_proxy(settings.postgres_port) as proxy:
            yield proxy


@pytest.fixture(scope="session")
def world(
    settings: Settings,
    cloud: str,
    api: FaultProxy,
    web: tuple[FaultProxy, FaultProxy],
    database: StatementProxy,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[World]:
    """The service and its ledger, as the tests see them and as the tasks do: these through the proxies."""
    environment = {
        "AIRFLOW_CONN_GOOGLE_CLOUD_DEFAULT": _google(api.url),
        "AIRFLOW_CONN_SLIPWAY_LEDGER": _ledger(settings, database.port),
    }
    forks.begin()
    with pytest.MonkeyPatch.context() as here:
        here.setenv("AIRFLOW_CONN_CHAOS_GOOGLE", _google(cloud))
        here.setenv("AIRFLOW_CONN_CHAOS_LEDGER", _ledger(settings, settings.postgres_port))
        migrate_ledger("chaos_ledger")
        hook = CloudRunTrafficHook("chaos_google")
        made = World(
            api,
            *web,
            database,
            hook,
            Ledger("chaos_ledger"),
            f"{HOST}:{settings.registry_port}/test/app",
            tmp_path_factory.mktemp("tasks"),
            environment,
        )
        made.build()
        yield made
        hook.close()


def pytest_terminal_summary() -> None:
    """Print what was done to the tasks and how each ended."""
    if fault_table.ROWS:
        Console(width=150).print(fault_table.drawn())


def _google(url: str) -> str:
    extra = {"project": "p", "is_anonymous": True, "api_endpoints": {"run": url}}
    return json.dumps({"conn_type": "google_cloud_platform", "extra": extra})


def _ledger(settings: Settings, port: int) -> str:
    connection: dict[str, Any] = {
        "conn_type": "postgres",
        "host": HOST,
        "port": port,
        "login": postgres.SUPERUSER,
        "password": credentials.load(settings).postgres_password,
        "schema": _DATABASE,
        "extra": {"sslmode": "disable", "gssencmode": "disable"},
    }
    return json.dumps(connection)
