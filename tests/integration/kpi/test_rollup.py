"""The rollup from a real PostgreSQL into a real ClickHouse, against a truth computed in Python."""

from __future__ import annotations

import itertools
import threading
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import psycopg
import pytest
from clickhouse_connect.driver.exceptions import Error as ClickHouseError
from slipway.kpi.errors import ReconciliationFailed, SourceDrift

from tests.integration.kpi.ground_truth import (
    USAGE_KPIS,
    Kpis,
    Usage,
    expected_kpis,
    insert,
    make_usage,
    savings,
    users,
)
from tests.integration.kpi.rollup import Rollup

if TYPE_CHECKING:
    from tests.integration.kpi.conftest import ClickHouseServer

pytestmark = pytest.mark.sandbox
DAY = date(2026, 1, 31)
TEXT = DAY.isoformat()
NEXT = DAY + timedelta(days=1)
# Great Expectations is imported for seconds; its own test runs it.
WITHOUT_QUALITY = ("source.quality", "check.quality", "review_targets")


def found_kpis(rollup: Rollup, day: str = TEXT) -> Kpis:
    """Return the KPIs of the usage, which is all that these days have."""
    return {key: row[0] for key, row in rollup.kpis(day).items() if key[0] in USAGE_KPIS}


@pytest.fixture
def usage(source: psycopg.Connection) -> list[Usage]:
    """Three days in the source; the middle one is returned."""
    people = users(source)
    days = {
        offset: make_usage(10 + offset, DAY + timedelta(days=offset), 1500, people) for offset in (-1, 0, 1)
    }
    for rows in days.values():
        insert(source, rows)
    return days[0]


def test_a_day_is_exactly_what_its_definitions_say(
    source: psycopg.Connection, usage: list[Usage], rollup: Rollup
) -> None:
    moments = ["2026-01-31 00:00:00+00", "2026-01-31 23:59:59.999999+00", "2026-02-01 01:00:00+02"]
    outside = ["2026-02-01 00:00:00+00", "2026-01-30 23:59:59+00"]
    for number, moment in enumerate(moments + outside):
        user, _ = users(source)[number]
        source.execute("UPDATE users SET converted_at = %s WHERE id = %s", (moment, user))
    results = rollup.run(TEXT, skip=WITHOUT_QUALITY)
    assert results["publish"] == {"day": TEXT, "rows": len(usage)}
    assert found_kpis(rollup) == expected_kpis(usage)
    assert rollup.kpis(TEXT)["free_to_paid_conversions", "all"][0] == len(moments)
    assert rollup.staging_tables() == []


def test_the_per_user_rollup_adds_up_to_each_user(usage: list[Usage], rollup: Rollup) -> None:
    rollup.run(TEXT, skip=WITHOUT_QUALITY)
    found = {
        row[0]: row[1:]
        for row in rollup.query("SELECT user_id, requests, cost_usd, saved_usd FROM kpi.usage_user_day")
    }
    expected = {}
    for user in {row.user_id for row in usage}:
        rows = [row for row in usage if row.user_id == user]
        before, after = savings(rows)
        expected[user] = (len(rows), sum(row.cost_usd for row in rows), before - after)
    assert found == expected
    assert any(saved < 0 for _, _, saved in found.values())


def test_running_again_changes_nothing(usage: list[Usage], rollup: Rollup) -> None:
    seen = []
    for attempt in (1, 2, 3):
        rollup.run(TEXT, skip=WITHOUT_QUALITY, attempt=attempt)
        seen.append(rollup.published(TEXT))
    assert len(seen[0][0]) == len(usage)
    assert seen[0] == seen[1] == seen[2]


def test_late_and_deleted_and_corrected_rows_get_in_with_the_next_run(
    source: psycopg.Connection, usage: list[Usage], rollup: Rollup
) -> None:
    rollup.run(TEXT, skip=WITHOUT_QUALITY)
    late = make_usage(99, DAY, 7, users(source))
    insert(source, late)
    gone = usage[5]
    source.execute("DELETE FROM token_usage_tracking WHERE id = %s", (gone.id,))
    rollup.run(TEXT, skip=WITHOUT_QUALITY)
    now = [row for row in usage if row != gone] + late
    assert found_kpis(rollup) == expected_kpis(now)


def test_a_day_without_rows_says_so(source: psycopg.Connection, usage: list[Usage], rollup: Rollup) -> None:
    rollup.run(TEXT, skip=WITHOUT_QUALITY)
    source.execute("DELETE FROM token_usage_tracking WHERE created_at >= %s AND created_at < %s", (DAY, NEXT))
    rollup.run(TEXT, skip=WITHOUT_QUALITY)
    assert found_kpis(rollup) == expected_kpis([])
    assert rollup.kpis(TEXT)["requests", "all"][0] == 0
    assert rollup.kpis(TEXT)["cost_reduction_percent", "all"] == (None, Decimal(0), Decimal(0), 0)
    assert rollup.command(f"SELECT count() FROM kpi.usage_fact WHERE day = '{TEXT}'") == 0


def test_the_days_around_are_left_alone(usage: list[Usage], rollup: Rollup) -> None:
    for day in (NEXT, DAY):
        rollup.run(day.isoformat(), skip=WITHOUT_QUALITY)
    before = rollup.published(NEXT.isoformat())
    rollup.run(TEXT, skip=WITHOUT_QUALITY)
    assert rollup.published(NEXT.isoformat()) == before
    assert rollup.query("SELECT day, count() FROM kpi.usage_fact GROUP BY day ORDER BY day") == [
        (DAY, len(usage)),
        (NEXT, len(usage)),
    ]


def test_rows_written_meanwhile_are_in_the_facts_and_the_control_totals_or_in_neither(
    source: psycopg.Connection, usage: list[Usage], rollup: Rollup
) -> None:
    stop = threading.Event()
    people = users(source)

    def keep_writing() -> None:
        with psycopg.connect(source.info.dsn, password=source.info.password, autocommit=True) as own:
            for seed in itertools.count(1000):
                if stop.is_set():
                    return
                insert(own, make_usage(seed, DAY, 5, people))
                stop.wait(0.005)

    writer = threading.Thread(target=keep_writing)
    writer.start()
    try:
        counts = [rollup.run(TEXT, skip=WITHOUT_QUALITY)["publish"]["rows"] for _ in range(3)]
    finally:
        stop.set()
        writer.join(10)
    assert len(usage) < counts[0] < counts[-1]
    assert rollup.kpis(TEXT)["requests", "all"][0] == counts[-1]


def test_before_the_first_release_it_says_which_table_is_missing(
    empty_source: psycopg.Connection, rollup: Rollup
) -> None:
    with pytest.raises(SourceDrift, match=r'relation "token_usage_tracking" .* run the release DAG first'):
        rollup.run(TEXT)


def test_a_row_lost_on_the_way_publishes_nothing(usage: list[Usage], rollup: Rollup) -> None:
    rollup.run(TEXT, skip=WITHOUT_QUALITY)
    before = rollup.published(TEXT)
    rollup.run(TEXT, until="migrate")
    tables = rollup.run(TEXT, until="rollup.kpis", skip=WITHOUT_QUALITY)
    victim = tables["extract.usage"]["usage_fact"]
    rollup.command(f"SYSTEM START MERGES kpi.{victim}")
    rollup.command(f"ALTER TABLE kpi.{victim} DELETE WHERE id = '{usage[0].id}' SETTINGS mutations_sync = 2")
    from slipway.operators.kpi.checks import ReconcileDayOperator

    stages = {name: made for name, made in tables.items() if name.startswith(("extract.", "rollup."))}
    task = ReconcileDayOperator(task_id="reconcile", inputs=stages, day=TEXT)
    with pytest.raises(ReconciliationFailed, match=r"fact rows: expected 1500\.000000, found 1499\.000000"):
        ReconcileDayOperator.execute.__wrapped__(task, {})
    assert rollup.published(TEXT) == before


def test_a_day_is_not_emptied_by_accident(usage: list[Usage], rollup: Rollup) -> None:
    rollup.run(TEXT, skip=WITHOUT_QUALITY)
    rollup.command("CREATE TABLE kpi.stg_nothing AS kpi.usage_fact")
    from slipway.operators.kpi.publish import PublishDayOperator

    task = PublishDayOperator(
        task_id="publish",
        tables=["usage_fact"],
        inputs={"facts": {"usage_fact": "stg_nothing"}},
        expected_rows={"usage_fact": 1500},
        day=TEXT,
    )
    with pytest.raises(ClickHouseError, match="REPLACE PARTITION"):
        PublishDayOperator.execute.__wrapped__(task, {})
    assert rollup.command(f"SELECT count() FROM kpi.usage_fact WHERE day = '{TEXT}'") == len(usage)


def test_readers_never_see_an_empty_or_partial_day(
    source: psycopg.Connection, usage: list[Usage], rollup: Rollup
) -> None:
    rollup.run(TEXT, skip=WITHOUT_QUALITY)
    stop = threading.Event()
    views: set[tuple[object, ...]] = set()

    def poll() -> None:
        reader = Rollup(rollup._settings)
        sql = (
            "SELECT count(), sumIf(value, kpi = 'cost_usd' AND dim = 'all'), "
            f"uniqExact(run_id, published_at) FROM kpi.kpi_daily WHERE as_of = '{TEXT}'"
        )
        while not stop.is_set():
            views.add(reader.query(sql)[0])
            stop.wait(0.01)
        reader.close()

    readers = [threading.Thread(target=poll) for _ in range(2)]
    for reader in readers:
        reader.start()
    expected = {sum(row.cost_usd for row in usage)}
    try:
        for seed in range(3):
            late = make_usage(1000 + seed, DAY, 3, users(source))
            insert(source, late)
            usage = usage + late
            expected.add(sum(row.cost_usd for row in usage))
            rollup.run(TEXT, skip=WITHOUT_QUALITY)
    finally:
        stop.set()
        for reader in readers:
            reader.join(10)
    assert {view[0] for view in views} == {len(rollup.kpis(TEXT))}
    assert {view[1] for view in views} <= expected
    assert len({view[1] for view in views}) > 1
    assert {view[2] for view in views} == {1}


def run_until_it_fails(rollup: Rollup) -> None:
    for attempt in range(3, 100):
        rollup.run(TEXT, skip=WITHOUT_QUALITY, attempt=attempt)


def test_killing_clickhouse_in_the_middle_loses_nothing(
    usage: list[Usage], rollup: Rollup, clickhouse: ClickHouseServer
) -> None:
    rollup.run(TEXT, skip=WITHOUT_QUALITY)
    before = rollup.published(TEXT)
    rollup.run(TEXT, until="rollup.totals", skip=WITHOUT_QUALITY, attempt=2)
    left_behind = rollup.staging_tables()
    assert left_behind
    threading.Timer(0.05, clickhouse.kill).start()
    with pytest.raises((ClickHouseError, OSError)):
        run_until_it_fails(rollup)
    clickhouse.start()
    assert rollup.published(TEXT) == before
    rollup.run(TEXT, skip=WITHOUT_QUALITY, attempt=50)
    assert rollup.published(TEXT) == before
    assert rollup.staging_tables() == []


def test_utc_midnight_splits_days(source: psycopg.Connection, rollup: Rollup) -> None:
    people = users(source)
    rows = make_usage(1, DAY, 2, people) + make_usage(2, NEXT, 2, people)
    insert(source, rows)
    rollup.run(TEXT, skip=WITHOUT_QUALITY)
    created = [row[0] for row in rollup.query("SELECT created_at FROM kpi.usage_fact ORDER BY created_at")]
    assert [moment.replace(tzinfo=None) for moment in created] == [
        datetime(2026, 1, 31),  # noqa: DTZ001 - compared without zone on both sides
        datetime(2026, 1, 31, 23, 59, 59, 999999),  # noqa: DTZ001
    ]
