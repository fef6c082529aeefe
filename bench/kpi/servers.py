"""A PostgreSQL and a ClickHouse of the benchmark's own, and Airflow's connections to them."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import clickhouse_connect

from sandbox.databases import postgres
from sandbox.databases.clickhouse.program import program as clickhouse_program
from sandbox.databases.server_user import remove_outside_folders
from sandbox.supervisor import credentials
from sandbox.supervisor.processes import running
from sandbox.supervisor.settings import HOST, REPOSITORY, Settings

# Enough to sum up 100 million facts with every thread; the sandbox's own limit leaves the engine one.
CLICKHOUSE_MEMORY = 12_000_000_000


@dataclass(frozen=True)
class Servers:
    """Both servers, running."""

    settings: Settings

    def client(self) -> Any:
        """Return a client of ClickHouse."""
        return clickhouse_connect.get_client(
            host=HOST,
            port=self.settings.clickhouse_port,
            username="slipway",
            password=credentials.load(self.settings).clickhouse_password,
            database="kpi",
            autogenerate_session_id=False,
            send_receive_timeout=3600,
        )

    def source(self) -> str:
        """Return the URI of the product's database. It holds the password: never print it."""
        return postgres.uri(self.settings, "netra_production")


@contextlib.contextmanager
def servers() -> Iterator[Servers]:
    """Start both in a temporary folder, and remove everything at the end."""
    home = Path(tempfile.mkdtemp(prefix="slipway-bench-"))
    home.chmod(0o755)
    settings = Settings(home=home, port_base=_free_base())
    try:
        credentials.create(settings)
        with running(postgres.program(settings), settings):
            postgres.create_databases(settings)
            with running(clickhouse_program(settings, CLICKHOUSE_MEMORY), settings):
                yield Servers(settings)
    finally:
        remove_outside_folders(settings)
        shutil.rmtree(home)


def connect_airflow(own: Servers) -> None:
    """Let this process's Airflow know the servers; to be called before Airflow is imported."""
    connection = {
        "conn_type": "clickhouse",
        "host": HOST,
        "port": own.settings.clickhouse_port,
        "login": "slipway",
        "password": credentials.load(own.settings).clickhouse_password,
        "schema": "kpi",
    }
    os.environ["AIRFLOW_HOME"] = str(own.settings.home / "airflow")
    os.environ["AIRFLOW_CONN_SLIPWAY_CLICKHOUSE"] = json.dumps(connection)
    os.environ["AIRFLOW_CONN_NETRA_PRODUCTION_DB"] = own.source()
    os.environ["AIRFLOW_CONN_SLIPWAY_LEDGER"] = postgres.uri(own.settings, "slipway")
    sys.path[:0] = [str(REPOSITORY / "plugins"), str(REPOSITORY / "dags")]


def _free_base() -> int:
    for base in range(33000, 40000, 10):
        settings = Settings(home=Path(), port_base=base)
        with socket.socket() as one, socket.socket() as other, contextlib.suppress(OSError):
            one.bind((HOST, settings.postgres_port))
            other.bind((HOST, settings.clickhouse_port))
            return base
    raise RuntimeError("no free ports between 33000 and 40000")
