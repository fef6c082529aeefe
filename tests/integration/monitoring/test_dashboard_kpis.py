"""Every ClickHouse query of the dashboards, on a real ClickHouse with forty days in its tables."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from slipway.kpi import migrations, views
from slipway.kpi.warehouse import Warehouse
from slipway.sql import SQL_DIRECTORY

from sandbox.supervisor.settings import Settings
from tests.grafana_panels import CLICKHOUSE, DASHBOARDS, expanded, queries, variables
from tests.servers import open_clickhouse, remake_database

pytestmark = pytest.mark.sandbox
FIRST, LAST = date(2026, 3, 1), date(2026, 4, 9)
QUERIES = list(queries(CLICKHOUSE))
FILL = Path(__file__).parent / "filled_kpis.sql"
# It has no value on purpose: nothing tells who stayed because of cost visibility.
ALWAYS_NULL = "revenue-impact: Churn avoided"


@pytest.fixture(scope="module")
def client(clickhouse_server: Settings) -> Iterator[Any]:
    """A client of a ClickHouse with the project's tables and views, filled."""
    remake_database(clickhouse_server)
    with closing(open_clickhouse(clickhouse_server)) as opened:
        migrations.apply(opened, migrations.load())
        views.define(Warehouse(opened))
        daily = sorted((SQL_DIRECTORY / "kpi" / "daily").glob("*.sql"))
        names = [re.match(r"-- kpi: (\w+)", path.read_text()) for path in daily]
        fill = FILL.read_text().replace("<kpis>", ", ".join(f"'{name[1]}'" for name in names if name))
        for statement in migrations.ClickHouseMigration("fill", fill).statements():
            opened.command(statement)
        yield opened


@pytest.mark.parametrize("query", QUERIES, ids=[name for name, _, _ in QUERIES])
def test_a_panel_shows_days_and_numbers(query: tuple[str, Any, Any], client: Any) -> None:
    name, panel, target = query
    result = client.query(expanded(target["rawSql"], FIRST, LAST))
    rows = result.result_rows
    assert rows, name
    if panel["type"] == "table":
        assert len(set(result.column_names)) == len(result.column_names)
        return
    assert result.column_names[0] == "time"
    days = [row[0] for row in rows]
    assert all(isinstance(day, date) and FIRST <= day <= LAST for day in days)
    if panel["type"] == "timeseries":
        assert days == sorted(days)
    assert "String" not in result.column_types[-1].name
    assert any(row[-1] is not None for row in rows) == (name != ALWAYS_NULL)


@pytest.mark.parametrize("query", QUERIES, ids=[name for name, _, _ in QUERIES])
def test_a_panel_shows_nothing_of_another_product(query: tuple[str, Any, Any], client: Any) -> None:
    assert client.query(expanded(query[2]["rawSql"], FIRST, LAST, "exchange-rates")).result_rows == []


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_the_products_to_choose_are_those_with_kpis(path: Path, client: Any) -> None:
    chosen = variables(path)
    assert client.query(chosen["product"]).result_rows == [("token-optimization",)]
    if "service" in chosen:
        of_product = client.query(expanded(chosen["service"], FIRST, LAST)).result_rows
        assert of_product == [("netra-backend-prod",)]
        assert client.query(expanded(chosen["service"], FIRST, LAST, "exchange-rates")).result_rows == []


def test_time_outside_the_range_is_not_shown(client: Any) -> None:
    (target,) = [target for _, panel, target in QUERIES if panel["title"] == "Conversions"]
    rows = client.query(expanded(target["rawSql"], date(2026, 3, 5), date(2026, 3, 6))).result_rows
    assert [row[0] for row in rows] == [date(2026, 3, 5), date(2026, 3, 6)]


def test_canary_and_stable_are_rows_of_their_own(client: Any) -> None:
    (target,) = [target for _, panel, target in QUERIES if "canary against" in panel["title"]]
    rows = client.query(expanded(target["rawSql"], FIRST, FIRST)).result_rows
    assert rows == [
        ("1.1.0/canary/new", 20.0, 100.0, 20.0),
        ("1.1.0/canary/stable", 20.0, 100.0, 20.0),
    ]


def test_month_to_date_and_everything_are_added_up(client: Any) -> None:
    def shown(title: str, day: date) -> Any:
        (target,) = [target for _, panel, target in QUERIES if panel["title"] == title]
        return client.query(expanded(target["rawSql"], day, day)).result_rows[0][1]

    march = sum(Decimal(10 + day) for day in range(31))
    assert shown("Total monthly cost reduction", date(2026, 3, 31)) == march
    assert shown("Total monthly cost reduction", date(2026, 4, 1)) == 41
    assert shown("Customer savings, all days", date(2026, 4, 1)) == march + 41
    assert shown("Users of cost tracking, 7 days", date(2026, 4, 1)) == 60
    assert shown("ARR attributable to cost features", date(2026, 4, 1)) == 60 * 12 * 100
    assert shown("Users at risk of leaving", date(2026, 4, 9)) == 60
