"""Clients of the shared ClickHouse server."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from typing import Any

import clickhouse_connect
import pytest

from sandbox.supervisor import credentials
from sandbox.supervisor.settings import HOST, Settings
from tests.servers import remake_database

Connect = Callable[..., Any]


@pytest.fixture(scope="module")
def server(clickhouse_server: Settings) -> Settings:
    """The shared server, its database made anew."""
    remake_database(clickhouse_server)
    return clickhouse_server


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
