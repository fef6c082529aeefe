"""The review of the targets over published KPIs, as the DAG's last step but one."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest
from slipway.ledger import Ledger
from slipway.plan import plan_release
from slipway.policy import load_policy

from sandbox.databases import postgres
from sandbox.settings import Settings
from tests.integration.kpi.ground_truth import insert, make_usage, users
from tests.integration.kpi.rollup import Rollup

pytestmark = pytest.mark.sandbox
DAY = date(2026, 1, 31)
WITHOUT_QUALITY = ("source.quality", "check.quality")


def promote(ledger: Ledger, settings: Settings, day: date, version: str = "1.1.0") -> str:
    """Put a promoted release on record, closed at noon of a day."""
    policy = load_policy("release.yaml")
    plan = plan_release(
        {"version": version},
        run_id=version,
        known_fields=("version",),
        policy=policy,
        resolve_digest=lambda image: f"{image.rpartition(':')[0]}@sha256:{'0' * 64}",
    )
    ledger.open_release(plan, policy, {"netra-backend-prod": {"old": 100}}, actor="ada")
    ledger.close(plan.release_id, outcome="promoted", reason="every phase was promoted")
    with psycopg.connect(postgres.uri(settings, "slipway"), autocommit=True) as connection:
        connection.execute(
            "UPDATE release SET closed_at = %s WHERE release_id = %s",
            (f"{day} 12:00:00+00", plan.release_id),
        )
    return plan.release_id


def reviews(rollup: Rollup, day: date) -> dict[tuple[str, str], tuple[Any, ...]]:
    rows = rollup.query(
        "SELECT horizon, target, status, value, n, due, reason, release_id, promoted_on "
        f"FROM kpi.target_review WHERE as_of = '{day}'"
    )
    return {(row[0], row[1]): row[2:] for row in rows}


def test_a_day_is_judged_from_what_is_published(
    source: psycopg.Connection, rollup: Rollup, ledger: Ledger, postgres_server: Settings
) -> None:
    days = [DAY + timedelta(days=index) for index in range(3)]
    people = users(source)
    for day in days:
        insert(source, make_usage(day.day, day, 300, people))
    for number in range(3):
        source.execute("UPDATE users SET converted_at = %s WHERE id = %s", (days[1], people[number][0]))
    assert rollup.run(DAY.isoformat(), skip=WITHOUT_QUALITY)["review_targets"]["release"] is None
    assert reviews(rollup, DAY) == {}

    release = promote(ledger, postgres_server, days[0])
    promote(ledger, postgres_server, days[2], version="1.2.0")
    for day in days:
        told = rollup.run(day.isoformat(), skip=WITHOUT_QUALITY)["review_targets"]
        assert told["release"] == release
        assert sum(told["statuses"].values()) == len(reviews(rollup, day)) == 16
    found = reviews(rollup, days[2])
    assert found["week_1", "conversions"][:4] == ("met", Decimal(3), 3, DAY + timedelta(days=6))
    assert reviews(rollup, days[0])["week_1", "conversions"][0] == "insufficient_data"
    (saved,) = rollup.query(
        "SELECT sum(value) FROM kpi.kpi_daily WHERE kpi = 'cost_savings_usd' AND dim = 'all'"
    )
    status, value, n, due, reason, _, promoted_on = found["year_1", "savings"]
    assert (status, value, n) == ("behind", saved[0], 3)
    assert (due, promoted_on) == (DAY + timedelta(days=364), DAY)
    assert "expected by the date" in reason
    assert found["quarter_1", "value_proposition"][0] == "insufficient_data"
    assert rollup.staging_tables() == []


def test_reviewed_again_it_is_the_same_and_before_the_promotion_there_is_none(
    source: psycopg.Connection, rollup: Rollup, ledger: Ledger, postgres_server: Settings
) -> None:
    insert(source, make_usage(1, DAY, 50, users(source)))
    release = promote(ledger, postgres_server, DAY)
    for attempt in (1, 2):
        rollup.run(DAY.isoformat(), skip=WITHOUT_QUALITY, attempt=attempt)
    before = reviews(rollup, DAY)
    assert len(before) == 16
    assert {row[5] for row in before.values()} == {release}
    # Moved to the day after: what was said about this day goes.
    with psycopg.connect(postgres.uri(postgres_server, "slipway"), autocommit=True) as connection:
        connection.execute("UPDATE release SET closed_at = closed_at + interval '1 day'")
    from slipway.operators.targets import ReviewTargetsOperator

    task = ReviewTargetsOperator(task_id="review", day=DAY.isoformat())
    context = {"run_id": "again", "ti": SimpleNamespace(try_number=1)}
    assert ReviewTargetsOperator.execute.__wrapped__(task, context)["statuses"] == {}
    assert reviews(rollup, DAY) == {}
