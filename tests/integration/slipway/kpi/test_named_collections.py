"""``python -m slipway define-collections`` on a real ClickHouse and a real PostgreSQL."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from slipway.__main__ import main
from slipway.kpi.policy import ROLLUP_POLICY

from sandbox.supervisor.settings import HOST, Settings
from tests.integration.slipway.kpi.rollup import Rollup

ODD = "a@b/c%d:e$f#g?h&i\"j'k\\l é{m}[n]"


@pytest.fixture
def reader(product: psycopg.Connection) -> Iterator[str]:
    """A role that may only read, with a password of odd characters."""
    product.execute("CREATE ROLE collection_reader LOGIN")
    product.execute(
        psycopg.sql.SQL("ALTER ROLE collection_reader PASSWORD {}").format(psycopg.sql.Literal(ODD))
    )
    yield "collection_reader"
    product.execute("DROP ROLE collection_reader")


def test_the_collections_lead_where_the_connections_lead(
    rollup: Rollup,
    connected: Settings,
    reader: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    connection = {
        "conn_type": "postgres",
        "host": HOST,
        "port": connected.postgres_port,
        "login": reader,
        "password": ODD,
        "schema": "netra_production",
    }
    monkeypatch.setenv("AIRFLOW_CONN_READER", json.dumps(connection))
    other = tmp_path / "rollup.yaml"
    other.write_text(ROLLUP_POLICY.read_text().replace("netra_production_db", "reader"))
    asks = "SELECT * FROM postgresql(slipway_source, query = 'SELECT current_user::text AS name')"
    try:
        with monkeypatch.context() as patch:
            patch.setattr("slipway.kpi.policy.ROLLUP_POLICY", other)
            assert main(["define-collections"]) == 0
        assert "slipway_source leads to" in capsys.readouterr().out
        assert rollup.client.query(asks).result_rows == [(reader,)]
    finally:
        assert main(["define-collections"]) == 0
    assert rollup.client.query(asks).result_rows != [(reader,)]
