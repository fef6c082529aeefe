"""Statements by name on a client that runs nothing."""

from __future__ import annotations

from datetime import date

from slipway.kpi.warehouse import Warehouse

from tests.unit.slipway.kpi.clients import FakeClient

DAY = date(2026, 1, 31)


def test_names_are_in_the_statement_and_values_are_left_for_the_server() -> None:
    client = FakeClient(written=3)
    names = {"table": "kpi_daily", "staging": "stg_1"}
    values = {"product": "rates", "day": DAY, "run_id": "not in this statement"}
    assert Warehouse(client).run("kpi/publish", names, values, {"alter_sync": 2}) == 3
    assert (
        'ALTER TABLE "kpi_daily" REPLACE PARTITION ({product:String}, {day:Date}) FROM "stg_1"'
        in client.commands[0]
    )
    assert client.parameters == [{"product": "rates", "day": DAY}]
    assert client.settings == [{"alter_sync": 2}]


def test_rows_are_those_of_the_query() -> None:
    client = FakeClient({"target_review": [[DAY]]})
    assert Warehouse(client).rows("kpi/target_days_after", parameters={"day": DAY}) == [(DAY,)]
