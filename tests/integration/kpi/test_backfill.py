"""Many days at once, in any order, with somebody reading."""

from __future__ import annotations

import random
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from decimal import Decimal

import psycopg
import pytest

from tests.integration.kpi.ground_truth import USAGE_KPIS, expected_kpis, insert, make_usage, users
from tests.integration.kpi.rollup import Rollup

pytestmark = pytest.mark.sandbox
FIRST = date(2026, 1, 29)
DAYS = [FIRST + timedelta(days=number) for number in range(5)]
SKIPPED = ("source.quality", "check.quality", "review_targets")


def test_days_rolled_up_at_once_in_any_order_are_each_exact_and_never_partial(
    source: psycopg.Connection, rollup: Rollup
) -> None:
    people = users(source)
    usage = {day: make_usage(day.toordinal(), day, 120, people) for day in DAYS}
    for rows in usage.values():
        insert(source, rows)
    rollup.run(FIRST.isoformat(), until="migrate")
    order = DAYS.copy()
    random.Random(6).shuffle(order)
    stop, seen = threading.Event(), set()

    def poll() -> None:
        reader = Rollup(rollup._settings)
        while not stop.is_set():
            seen.update(
                reader.query(
                    "SELECT as_of, count(), sumIf(value, kpi = 'cost_usd' AND dim = 'all') "
                    "FROM kpi.kpi_daily GROUP BY as_of"
                )
            )
            stop.wait(0.02)
        reader.close()

    reader = threading.Thread(target=poll)
    reader.start()
    try:
        with ThreadPoolExecutor(3) as pool:
            for _ in pool.map(lambda day: rollup.run(day.isoformat(), skip=SKIPPED), order):
                pass
    finally:
        stop.set()
        reader.join(30)
    for day in DAYS:
        found = {key: row[0] for key, row in rollup.kpis(day.isoformat()).items() if key[0] in USAGE_KPIS}
        assert found == expected_kpis(usage[day]), day
    whole = {(day, len(rollup.kpis(day.isoformat())), _cost(usage[day])) for day in DAYS}
    assert seen <= whole
    assert rollup.staging_tables() == []
    saved = rollup.query(
        "SELECT value FROM kpi.kpi WHERE kpi = 'demonstrated_savings_usd' AND dim = 'all' ORDER BY as_of"
    )
    each = [expected_kpis(usage[day])["cost_savings_usd", "all"] or Decimal(0) for day in DAYS]
    assert [row[0] for row in saved] == [sum(each[: count + 1]) for count in range(len(DAYS))]


def _cost(rows: list[object]) -> Decimal:
    return sum((row.cost_usd for row in rows), Decimal(0))  # type: ignore[attr-defined]
