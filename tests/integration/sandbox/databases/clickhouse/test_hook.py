"""The Airflow provider's ClickHouseHook, unchanged, against the server."""

from __future__ import annotations

import json

import pytest
from airflow.providers.clickhousedb.hooks.clickhouse import ClickHouseHook

from sandbox.supervisor import credentials
from sandbox.supervisor.settings import HOST, Settings

pytestmark = pytest.mark.sandbox


@pytest.fixture
def hook(server: Settings, monkeypatch: pytest.MonkeyPatch) -> ClickHouseHook:
    connection = {
        "conn_type": "clickhouse",
        "host": HOST,
        "port": server.clickhouse_port,
        "login": "slipway",
        "password": credentials.load(server).clickhouse_password,
        "schema": "kpi",
    }
    monkeypatch.setenv("AIRFLOW_CONN_SLIPWAY_CLICKHOUSE", json.dumps(connection))
    return ClickHouseHook(clickhouse_conn_id="slipway_clickhouse", session_settings={"max_threads": 2})


def test_the_hook_works_as_it_is(hook: ClickHouseHook) -> None:
    tested: object = hook.test_connection()  # type: ignore[func-returns-value]
    assert tested == (True, "Connection successfully tested")
    hook.run(
        [
            "CREATE OR REPLACE TABLE hooked (n UInt64, s String) ENGINE = MergeTree ORDER BY n",
            "INSERT INTO hooked VALUES (1, 'one')",
        ]
    )
    hook.bulk_insert_rows("hooked", [(2, "two"), (3, "three")], ["n", "s"], batch_size=1)
    assert hook.get_records("SELECT n, s FROM hooked ORDER BY n") == [(1, "one"), (2, "two"), (3, "three")]
    assert hook.get_first("SELECT count() FROM hooked WHERE n > {low:UInt8}", parameters={"low": 1}) == (2,)
    with hook.get_client() as client:
        assert client.command("SELECT value FROM system.settings WHERE name = 'max_threads'") == 2
    hook.run("DROP TABLE hooked SYNC")


def test_the_hook_engine_speaks_sqlalchemy(hook: ClickHouseHook) -> None:
    import sqlalchemy

    engine = sqlalchemy.create_engine(hook.get_uri())
    try:
        with engine.connect() as connection:
            assert connection.execute(sqlalchemy.text("SELECT 1")).scalar() == 1
        assert "schema_migration" not in sqlalchemy.inspect(engine).get_table_names(schema="kpi")
    finally:
        engine.dispose()
