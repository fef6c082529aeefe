"""Reviews by day, replaced each in one step."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

from slipway.kpi.targets.policy import load_targets
from slipway.kpi.targets.publishing import Launch, publish_reviews, review_days
from slipway.kpi.warehouse import Warehouse

from tests.unit.slipway.kpi.clients import FakeClient

DAY = date(2026, 1, 31)
LAUNCH = Launch("r-1", "1.1.0", DAY)


def test_days_from_the_promotion_on_are_reviewed() -> None:
    saved = [("cost_savings_usd", DAY, Decimal(10), Decimal(10), Decimal(1), 3)]
    client = FakeClient({"FROM kpi": saved})
    days = [DAY - timedelta(days=1), DAY]
    found = review_days(
        Warehouse(client), load_targets("targets.yaml"), product="token-optimization", promoted=DAY, days=days
    )
    assert found[days[0]] == []
    assert len(found[DAY]) == 16
    assert client.parameters[0]["last"] == DAY


def test_before_the_promotion_nothing_is_read() -> None:
    client = FakeClient()
    targets = load_targets("targets.yaml")
    for promoted in (None, DAY + timedelta(days=1)):
        assert review_days(
            Warehouse(client), targets, product="token-optimization", promoted=promoted, days=[DAY]
        ) == {DAY: []}
    assert client.parameters == []


def test_a_day_with_reviews_is_never_replaced_with_nothing() -> None:
    client = FakeClient()
    warehouse, targets = Warehouse(client), load_targets("targets.yaml")
    reviews = review_days(
        warehouse, targets, product="token-optimization", promoted=DAY, days=[DAY - timedelta(days=1), DAY]
    )
    publish_reviews(warehouse, LAUNCH, reviews, product="token-optimization", run_id="run", attempt=1)
    ((staging, rows),) = client.inserted
    assert len(rows) == 16
    create, before, day, drop = client.commands
    assert f'CREATE TABLE "{staging}" AS "target_review"' in create
    assert all(
        f'REPLACE PARTITION ({{product:String}}, {{day:Date}}) FROM "{staging}"' in command
        for command in (before, day)
    )
    empty = [made.get("allow_replace_partition_from_empty_source") for made in client.settings]
    assert empty == [None, 1, 0, None]
    assert drop.startswith(f'DROP TABLE IF EXISTS "{staging}"')


def test_before_the_launch_a_day_keeps_no_review() -> None:
    client = FakeClient()
    publish_reviews(Warehouse(client), None, {DAY: []}, product="token-optimization", run_id="run", attempt=1)
    assert client.inserted == []
    assert client.settings[1] == {"allow_replace_partition_from_empty_source": 1}
