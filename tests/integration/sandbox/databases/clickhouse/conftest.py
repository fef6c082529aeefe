"""One ClickHouse server that the tests share, and clients of it."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from typing import Any

import clickhouse_connect
import pytest

from sandbox.databases.clickhouse.program import program
from sandbox.supervisor import credentials
from sandbox.supervisor.settings import HOST, Settings
from tests.integration.database_servers import running
from tests.own_sandbox import own_sandbox

Connect = Callable[..., Any]


@pytest.fixture(scope="session")
def settings() -> Iterator[Settings]:
    """A sandbox of these tests' own."""
    with own_sandbox() as own:
        yield own


@pytest.fixture(scope="session")
def server(settings: Settings) -> Iterator[Settings]:
    """A running server."""
    with running(program(settings), settings):
        yield settings


@pytest.fixture
def connect(server: Settings) -> Iterator[Connect]:
    """Open clients of clickhouse-connect; they are closed at the end."""
    opened = []

    def open_client(**arguments: Any) -> Any:
        defaults = {
            "host": HOST,
            "port": server.clickhouse_port,
            "username": "slipway",
            "password": credentials.load(server).clickhouse_password,
            "database": "kpi",
        }
        client = clickhouse_connect.get_client(**{**defaults, **arguments})
        opened.append(client)
        return client

    yield open_client
    for client in opened:
        client.close()


@pytest.fixture
def client(connect: Connect) -> Any:
    """A client with a session, which is clickhouse-connect's default."""
    return connect()


@pytest.fixture
def table(client: Any) -> Iterator[str]:
    """An empty table (number UInt64, word String, money Decimal(10, 6)); dropped at the end."""
    name = f"t_{uuid.uuid4().hex[:8]}"
    client.command(
        f"CREATE TABLE {name} (number UInt64, word String, money Decimal(10, 6)) "
        "ENGINE = MergeTree ORDER BY number"
    )
    yield name
    client.command(f"DROP TABLE {name} SYNC")
