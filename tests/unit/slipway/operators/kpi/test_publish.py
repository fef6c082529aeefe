"""Publishing replaces the day of each table, and nothing with nothing by accident."""

from __future__ import annotations

import inspect

import pytest
from slipway.operators.kpi.publish import PublishDayOperator

from tests.unit.slipway.kpi.clients import FakeClient, use


def test_each_table_is_replaced_and_empty_only_when_the_source_is(monkeypatch: pytest.MonkeyPatch) -> None:
    client = FakeClient()
    use(client, "slipway.operators.kpi.publish", monkeypatch)
    operator = PublishDayOperator(
        task_id="publish",
        product="token-optimization",
        tables=["usage_fact", "event_fact"],
        inputs={"facts": {"usage_fact": "stg_1", "event_fact": "stg_2"}},
        expected_rows={"usage_fact": 7, "event_fact": 0},
        day="2026-01-31",
    )
    assert inspect.unwrap(PublishDayOperator.execute)(operator, {}) == {
        "product": "token-optimization",
        "day": "2026-01-31",
        "rows": 7,
    }
    usage, events = client.commands
    assert 'ALTER TABLE "usage_fact" REPLACE PARTITION ({product:String}, {day:Date}) FROM "stg_1"' in usage
    assert 'ALTER TABLE "event_fact" REPLACE PARTITION ({product:String}, {day:Date}) FROM "stg_2"' in events
    empty = [settings["allow_replace_partition_from_empty_source"] for settings in client.settings]
    assert empty == [0, 1]
    assert [bound["product"] for bound in client.parameters] == ["token-optimization"] * 2
