"""Every KPI of a made-up past is, to the last digit, what was worked out from its rows without any SQL."""

from __future__ import annotations

import random
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime

import psycopg
import pytest
from slipway.ledger.ledger import Ledger

from sandbox.history.loading import load
from sandbox.history.past import Past
from sandbox.history.truth import Truth
from sandbox.supervisor.settings import Settings
from tests.integration.slipway.kpi.known_past import (
    LATE_DAYS,
    differences,
    expected,
    make_known_past,
    published,
    shape,
    watched,
)
from tests.integration.slipway.kpi.rollup import Rollup

pytestmark = [pytest.mark.sandbox, pytest.mark.timeout(500)]
USERS, AT_ONCE = 60, 3
# Great Expectations takes seconds a day; the last day is rolled up with it.
WITHOUT_QUALITY = ("source.quality", "check.quality", "review_targets")


@pytest.fixture(params=[10, pytest.param(30, marks=pytest.mark.exhaustive)], ids="{} days".format)
def past(
    request: pytest.FixtureRequest,
    blank_source: psycopg.Connection,
    rollup: Rollup,
    ledger: Ledger,
    postgres_server: Settings,
) -> Past:
    """The past in the product's database, without what comes late."""
    made = make_known_past(ledger, postgres_server, days=request.param, users=USERS)
    load(blank_source, made.there)
    rollup.run(made.days[0].isoformat(), until="migrate")
    return made


def roll_up(rollup: Rollup, days: Iterable[date]) -> None:
    """Roll days up, several at once and in any order."""
    order = list(days)
    random.Random(6).shuffle(order)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for _ in pool.map(lambda day: rollup.run(day.isoformat(), skip=WITHOUT_QUALITY), order):
            pass


def days_since_beginning(past: Past) -> int:
    """How far back to look so that the first day is seen, and none before it."""
    return (datetime.now(UTC).date() - past.days[0]).days


def assert_about_something(past: Past) -> None:
    """Check that a comparison with this past says something: every KPI has a value, releases had users."""
    kpis = expected(Truth(past.all, past.recipe.serving), past.days)
    names = {kpi for day in past.days for kpi, _ in kpis[day]}
    nothing = {"churn_avoided_users"}
    assert {kpi for kpi in names if not any(kpis[day].get((kpi, "all")) for day in past.days)} == nothing
    dims = {dim for day in past.days for _, dim in kpis[day]}
    for version, phase in (("1.1.0", "canary"), ("1.1.0", "full_rollout"), ("1.2.0", "canary")):
        assert f"phase={version}/{phase}/new" in dims


def test_days_rolled_up_in_any_order_are_the_truth_and_so_they_are_with_what_came_late(
    blank_source: psycopg.Connection, rollup: Rollup, past: Past
) -> None:
    assert_about_something(past)
    truth = Truth(past.there, past.recipe.serving)
    with watched(rollup) as seen:
        roll_up(rollup, past.days)
    assert differences(published(rollup, past.days), expected(truth, past.days)) == []
    assert seen <= {(day, *shape(truth.day(day))) for day in past.days}
    assert len(seen) > AT_ONCE
    assert rollup.staging_tables() == []

    load(blank_source, past.late)
    late = rollup.differing_days(days_since_beginning(past))
    # Some who had a plan without a subscription have one now: their plan of every day was another.
    assert set(late) == set(past.days)
    assert all("usage changed" in late[day] for day in past.days[-LATE_DAYS:])
    with watched(rollup) as seen:
        roll_up(rollup, late)
    now = Truth(past.all, past.recipe.serving)
    assert differences(published(rollup, past.days), expected(now, past.days)) == []
    assert seen <= {(day, *shape(one.day(day))) for day in past.days for one in (truth, now)}
    assert rollup.differing_days(days_since_beginning(past)) == {}
