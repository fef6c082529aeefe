"""Real servers for tests: each is started when the first test asks for it, once in every pytest process.

All of them are in one sandbox, on ports and in a folder of this process's own: two processes of pytest-xdist
do not meet. Tests that share a server keep apart by databases, services and names. A test that stops or kills
a server, configures it, or needs other images, starts one of its own with
:func:`~sandbox.supervisor.processes.running` in :func:`~tests.own_sandbox.own_sandbox`.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from typing import Any

import clickhouse_connect
import pytest

from sandbox.databases import postgres, prometheus
from sandbox.databases.clickhouse import program as clickhouse_program
from sandbox.databases.server_user import server_folder
from sandbox.supervisor import credentials
from sandbox.supervisor.processes import Program, answers, kill, running, start
from sandbox.supervisor.settings import HOST, LOCATION, Settings
from tests.own_sandbox import own_sandbox

TOOL_SECONDS = 60


@contextmanager
def prometheus_with(lines: Iterable[str], settings: Settings) -> Iterator[None]:
    """Run a Prometheus that has these samples, as if it had scraped them.

    :param lines: OpenMetrics text, each with its moment.
    """
    program = prometheus.program(settings)
    folder = server_folder(settings, "prometheus") / "series"
    text, blocks = settings.home / "metrics.txt", settings.home / "blocks"
    text.write_text("\n".join([*lines, "# EOF"]) + "\n")
    create = ("tsdb", "create-blocks-from", "openmetrics", text, blocks)
    subprocess.run([prometheus.promtool(), *create], check=True, capture_output=True, timeout=TOOL_SECONDS)
    shutil.copytree(blocks, folder, dirs_exist_ok=True)
    if program.user is not None:
        for path in [folder, *folder.rglob("*")]:
            shutil.chown(path, program.user.uid, program.user.gid)
    with running(program, settings):
        yield


@pytest.fixture(scope="session")
def shared() -> Iterator[Settings]:
    """The sandbox that the shared servers are in."""
    with own_sandbox() as settings:
        yield settings


@pytest.fixture(scope="session")
def postgres_server(shared: Settings) -> Iterator[Settings]:
    """The shared PostgreSQL, with the sandbox's databases: the ledger's, and the Cloud SQL instances'."""
    with running(postgres.program(shared), shared):
        postgres.create_databases(shared)
        yield shared


class ClickHouseServer:
    """A ClickHouse that can be killed and started again."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it answers."""
        self._process = start(clickhouse_program.program(self.settings), self.settings)

    def kill(self) -> None:
        """End it at once."""
        if self._process is not None:
            kill(self._process)


@pytest.fixture(scope="session")
def clickhouse(shared: Settings) -> Iterator[ClickHouseServer]:
    """The shared ClickHouse; a test that kills it starts it again."""
    server = ClickHouseServer(shared)
    server.start()
    yield server
    server.kill()


@pytest.fixture(scope="session")
def clickhouse_server(clickhouse: ClickHouseServer) -> Settings:
    """Where it is; whoever needs an empty database ``kpi`` makes it anew."""
    return clickhouse.settings


@pytest.fixture(scope="session")
def prometheus_server(shared: Settings) -> Iterator[Settings]:
    """The shared Prometheus, without samples."""
    with running(prometheus.program(shared), shared):
        yield shared


@pytest.fixture(scope="session")
def cloud_server(shared: Settings) -> Iterator[Settings]:
    """The shared Google Cloud stand-in with the product's images, ready to take a service."""
    services = f"http://{HOST}:{shared.google_port}/v2/projects/sandbox-staging/locations/{LOCATION}/services"
    registry = f"http://{HOST}:{shared.registry_port}/v2/"
    program = Program(
        name="cloud",
        command=[sys.executable, "-m", "sandbox.cloud"],
        ready=lambda: answers(services) and answers(registry),
        bound=300.0,
    )
    with running(program, shared):
        yield shared


def remake_database(server: Settings) -> None:
    """Make ClickHouse's database ``kpi`` anew, without a table."""
    with closing(open_clickhouse(server, database="default")) as client:
        client.command("DROP DATABASE IF EXISTS kpi SYNC")
        client.command("CREATE DATABASE kpi")


def open_clickhouse(server: Settings, *, database: str = "kpi", session: bool = False) -> Any:
    """Open a client of clickhouse-connect.

    :param server: the sandbox that the server is in.
    :param database: the client's database.
    :param session: whether its requests are in one session.
    """
    return clickhouse_connect.get_client(
        host=HOST,
        port=server.clickhouse_port,
        username="slipway",
        password=credentials.load(server).clickhouse_password,
        database=database,
        autogenerate_session_id=session,
    )
