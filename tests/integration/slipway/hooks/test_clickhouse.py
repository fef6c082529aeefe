"""The servers of a ClickHouse, read from a real one."""

from __future__ import annotations

import json

import pytest
from slipway.exceptions import WarehouseUnreadable
from slipway.hooks.clickhouse import ClickHouseServersHook

from sandbox.supervisor import credentials
from sandbox.supervisor.settings import HOST, Settings

pytestmark = pytest.mark.sandbox


def connect(monkeypatch: pytest.MonkeyPatch, settings: Settings, **extra: str) -> ClickHouseServersHook:
    connection = {
        "conn_type": "clickhouse",
        "host": HOST,
        "port": settings.clickhouse_port,
        "login": "slipway",
        "password": credentials.load(settings).clickhouse_password,
        "extra": extra,
    }
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", json.dumps(connection))
    return ClickHouseServersHook("warehouse")


def test_a_single_server_is_its_own_cluster(
    clickhouse_server: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = connect(monkeypatch, clickhouse_server).facts()
    (server,) = found.servers
    assert found.members == (server.name,)
    assert 0 < server.free_bytes < server.total_bytes
    assert (server.lag_seconds, server.read_only) == (0, 0)


def test_a_cluster_that_the_server_does_not_know_is_named(
    clickhouse_server: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(WarehouseUnreadable, match="absent_cluster"):
        connect(monkeypatch, clickhouse_server, cluster="absent_cluster").facts()
