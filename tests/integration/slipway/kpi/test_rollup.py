"""The rollup from a real PostgreSQL into a real ClickHouse, against the truth of a known past."""

from __future__ import annotations

import inspect
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING
from uuid import UUID

import psycopg
import pytest
from clickhouse_connect.driver.exceptions import Error as ClickHouseError
from slipway.kpi.errors import ReconciliationFailed, SourceDrift

from sandbox.history.loading import load
from sandbox.history.past import Past
from sandbox.history.rows import Usage, User
from sandbox.history.truth import Kpis, Truth
from sandbox.supervisor.settings import Settings
from tests.integration.slipway.kpi.databases import empty_ledger, empty_source, empty_warehouse
from tests.integration.slipway.kpi.known_past import differences, make_days, repeated, usage_of
from tests.integration.slipway.kpi.rollup import PRODUCT, Rollup
from tests.waiting import BOUND_SECONDS

if TYPE_CHECKING:
    from tests.servers import ClickHouseServer

pytestmark = pytest.mark.sandbox
DAY = date(2026, 3, 31)
TEXT = DAY.isoformat()
NEXT = DAY + timedelta(days=1)
# Great Expectations is imported for seconds; its own test runs it.
WITHOUT_QUALITY = ("source.quality", "check.quality", "review_targets")
MIDNIGHT = datetime.combine(DAY, time(), UTC)
CONVERTED = (MIDNIGHT, MIDNIGHT + timedelta(days=1, microseconds=-1))
NOT_ON_THE_DAY = (MIDNIGHT + timedelta(days=1), MIDNIGHT - timedelta(seconds=1))


@dataclass(frozen=True)
class KnownDay:
    """A day between two others, in the product's database, rolled up and published."""

    source: psycopg.Connection
    rollup: Rollup
    past: Past

    @property
    def usage(self) -> list[Usage]:
        """The day's requests, as they are at first."""
        return usage_of(self.past.there, DAY)

    def run(self, *, attempt: int = 1) -> int:
        """Roll the day up; return how many requests were published."""
        results = self.rollup.run(TEXT, skip=WITHOUT_QUALITY, attempt=attempt)
        count: int = results["publish"]["rows"]
        return count

    def truth(self, usage: Sequence[Usage]) -> Kpis:
        """Return the day's KPIs if these were all of its requests."""
        others = [row for row in usage_of(self.past.there) if row.created_at.date() != DAY]
        return Truth({**self.past.there, Usage: [*others, *usage]}, self.past.recipe.serving).day(DAY)

    def differences(self, usage: Sequence[Usage]) -> list[str]:
        """Compare what is published with the truth."""
        return differences({DAY: self.rollup.values(DAY)}, {DAY: self.truth(usage)})


@pytest.fixture(scope="module")
def day(connected: Settings, product: psycopg.Connection) -> Iterator[KnownDay]:
    """The day as every test finds it, and leaves it."""
    past = make_days(DAY - timedelta(days=1), 3, users=100)
    users = [row for row in past.there[User] if isinstance(row, User)]
    for number, moment in enumerate((*CONVERTED, *NOT_ON_THE_DAY)):
        users[number] = users[number]._replace(converted_at=moment)
    past = Past(past.recipe, {**past.there, User: users}, past.late)
    empty_source(product)
    empty_ledger(connected)
    load(product, past.there)
    known = KnownDay(product, Rollup(connected), past)
    empty_warehouse(known.rollup)
    assert known.run() == len(known.usage)
    yield known
    known.rollup.close()


@pytest.fixture
def changing_day(day: KnownDay) -> Iterator[KnownDay]:
    """The day for a test that changes its requests: afterwards they are as they were, and published."""
    yield day
    day.source.execute("TRUNCATE token_usage_tracking")
    load(day.source, {Usage: usage_of(day.past.there)})
    day.run()


def test_a_day_is_exactly_what_its_definitions_say(day: KnownDay) -> None:
    assert day.differences(day.usage) == []
    conversions = day.rollup.values(DAY)["free_to_paid_conversions", "all"]
    assert conversions is not None
    assert conversions >= len(CONVERTED)
    assert day.rollup.staging_tables() == []


def test_utc_midnight_splits_days(day: KnownDay) -> None:
    (edges,) = day.rollup.query("SELECT min(created_at), max(created_at) FROM kpi.usage_fact")
    naive = MIDNIGHT.replace(tzinfo=None)
    assert [moment.replace(tzinfo=None) for moment in edges] == [
        naive,
        naive + timedelta(days=1, microseconds=-1),
    ]


def test_the_per_user_rollup_adds_up_to_each_user(day: KnownDay) -> None:
    found = {
        row[0]: row[1:]
        for row in day.rollup.query("SELECT user_id, requests, cost_usd, saved_usd FROM kpi.usage_user_day")
    }
    expected: dict[UUID, tuple[int, Decimal, Decimal]] = {}
    for row in day.usage:
        requests, cost, saved = expected.get(row.user_id, (0, Decimal(0), Decimal(0)))
        spent, before = row.cost_usd or Decimal(0), row.cost_original_usd or Decimal(0)
        saved += before - spent if row.optimization_succeeded else 0
        expected[row.user_id] = (requests + 1, cost + spent, saved)
    assert found == expected
    assert any(saved > 0 for _, _, saved in found.values())


def test_running_again_changes_nothing(day: KnownDay) -> None:
    before = day.rollup.published(TEXT)
    assert len(before[0]) == len(day.usage)
    for attempt in (2, 3):
        day.run(attempt=attempt)
        assert day.rollup.published(TEXT) == before


def test_late_and_deleted_and_corrected_rows_get_in_with_the_next_run(changing_day: KnownDay) -> None:
    day, (gone, wrong, *others) = changing_day, changing_day.usage
    late, corrected = repeated(others[:7]), wrong._replace(tokens_used=1 + (wrong.tokens_used or 0))
    load(day.source, {Usage: late})
    day.source.execute("DELETE FROM token_usage_tracking WHERE id = %s", (gone.id,))
    day.source.execute(
        "UPDATE token_usage_tracking SET tokens_used = %s WHERE id = %s", (corrected.tokens_used, wrong.id)
    )
    day.run()
    assert day.differences([corrected, *others, *late]) == []


def test_a_day_without_rows_says_so(changing_day: KnownDay) -> None:
    day = changing_day
    day.source.execute(
        "DELETE FROM token_usage_tracking WHERE created_at >= %s AND created_at < %s", (DAY, NEXT)
    )
    day.run()
    assert day.differences([]) == []
    found = day.rollup.kpis(TEXT)
    assert found["requests", "all"][0] == 0
    assert found["cost_reduction_percent", "all"] == (None, Decimal(0), Decimal(0), 0)
    assert day.rollup.command(f"SELECT count() FROM kpi.usage_fact WHERE day = '{TEXT}'") == 0


def test_the_days_around_are_left_alone(day: KnownDay) -> None:
    day.rollup.run(NEXT.isoformat(), skip=WITHOUT_QUALITY)
    before = day.rollup.published(NEXT.isoformat())
    day.run()
    assert day.rollup.published(NEXT.isoformat()) == before
    counts = day.rollup.query("SELECT day, count() FROM kpi.usage_fact GROUP BY day ORDER BY day")
    assert counts == [(DAY, len(day.usage)), (NEXT, len(usage_of(day.past.there, NEXT)))]
    for table, column in (("usage_fact", "day"), ("usage_user_day", "day"), ("kpi_daily", "as_of")):
        day.rollup.command(
            f"ALTER TABLE kpi.{table} DELETE WHERE {column} = '{NEXT}' SETTINGS mutations_sync = 2"
        )


def test_rows_written_meanwhile_are_in_the_facts_and_the_control_totals_or_in_neither(
    changing_day: KnownDay,
) -> None:
    day, stop, written = changing_day, threading.Event(), threading.Event()
    info = day.source.info

    def keep_writing() -> None:
        with psycopg.connect(info.dsn, password=info.password, autocommit=True) as own:
            while not stop.is_set():
                load(own, {Usage: repeated(day.usage[:5])})
                written.set()
                stop.wait(0.005)

    def run_once_more_is_written() -> int:
        written.clear()
        assert written.wait(BOUND_SECONDS)
        return day.run()

    writer = threading.Thread(target=keep_writing)
    writer.start()
    try:
        counts = [run_once_more_is_written() for _ in range(3)]
    finally:
        stop.set()
        writer.join(10)
    assert len(day.usage) < counts[0] < counts[-1]
    assert day.rollup.values(DAY)["requests", "all"] == counts[-1]


def test_a_row_lost_on_the_way_publishes_nothing(day: KnownDay) -> None:
    rollup, before = day.rollup, day.rollup.published(TEXT)
    tables = rollup.run(TEXT, until="rollup.kpis", skip=WITHOUT_QUALITY)
    victim = tables["extract.usage"]["usage_fact"]
    rollup.command(f"SYSTEM START MERGES kpi.{victim}")
    rollup.command(
        f"ALTER TABLE kpi.{victim} DELETE WHERE id = '{day.usage[0].id}' SETTINGS mutations_sync = 2"
    )
    from slipway.operators.kpi.checks import ReconcileDayOperator

    stages = {name: made for name, made in tables.items() if name.startswith(("extract.", "rollup."))}
    task = ReconcileDayOperator(task_id="reconcile", product=PRODUCT, inputs=stages, day=TEXT)
    lost = rf"fact rows: expected {len(day.usage)}\.000000, found {len(day.usage) - 1}\.000000"
    with pytest.raises(ReconciliationFailed, match=lost):
        inspect.unwrap(ReconcileDayOperator.execute)(task, {})
    assert rollup.published(TEXT) == before


def test_a_day_is_not_emptied_by_accident(day: KnownDay) -> None:
    day.rollup.command("CREATE TABLE kpi.stg_nothing AS kpi.usage_fact")
    from slipway.operators.kpi.publish import PublishDayOperator

    task = PublishDayOperator(
        task_id="publish",
        product=PRODUCT,
        tables=["usage_fact"],
        inputs={"facts": {"usage_fact": "stg_nothing"}},
        expected_rows={"usage_fact": len(day.usage)},
        day=TEXT,
    )
    with pytest.raises(ClickHouseError, match="REPLACE PARTITION"):
        inspect.unwrap(PublishDayOperator.execute)(task, {})
    day.rollup.command("DROP TABLE kpi.stg_nothing")
    assert day.rollup.command(f"SELECT count() FROM kpi.usage_fact WHERE day = '{TEXT}'") == len(day.usage)


def test_readers_never_see_an_empty_or_partial_day(changing_day: KnownDay) -> None:
    day, stop = changing_day, threading.Event()
    views: set[tuple[object, ...]] = set()

    def poll() -> None:
        reader = Rollup(day.rollup._settings)
        sql = (
            "SELECT count(), sumIf(value, kpi = 'cost_usd' AND dim = 'all'), "
            f"uniqExact(run_id, published_at) FROM kpi.kpi_daily WHERE as_of = '{TEXT}'"
        )
        while not stop.is_set():
            views.add(reader.query(sql)[0])
            stop.wait(0.05)
        reader.close()

    readers = [threading.Thread(target=poll) for _ in range(2)]
    for reader in readers:
        reader.start()
    usage = day.usage
    expected = {day.truth(usage)["cost_usd", "all"]}
    try:
        for number in range(3):
            late = repeated(day.usage[number : number + 3])
            load(day.source, {Usage: late})
            usage += late
            expected.add(day.truth(usage)["cost_usd", "all"])
            day.run()
    finally:
        stop.set()
        for reader in readers:
            reader.join(10)
    assert {view[0] for view in views} == {len(day.rollup.kpis(TEXT))}
    assert {view[1] for view in views} <= expected
    assert len({view[1] for view in views}) > 1
    assert {view[2] for view in views} == {1}


def run_until_it_fails(day: KnownDay) -> None:
    for attempt in range(3, 100):
        day.run(attempt=attempt)


def test_killing_clickhouse_in_the_middle_loses_nothing(day: KnownDay, clickhouse: ClickHouseServer) -> None:
    rollup, before = day.rollup, day.rollup.published(TEXT)
    rollup.run(TEXT, until="rollup.totals", skip=WITHOUT_QUALITY, attempt=2)
    assert rollup.staging_tables()
    threading.Timer(0.05, clickhouse.kill).start()
    with pytest.raises((ClickHouseError, OSError)):
        run_until_it_fails(day)
    clickhouse.start()
    assert rollup.published(TEXT) == before
    day.run(attempt=50)
    assert rollup.published(TEXT) == before
    assert rollup.staging_tables() == []


def test_before_the_first_release_it_says_which_table_is_missing(
    product: psycopg.Connection, rollup: Rollup
) -> None:
    empty_source(product, migrated=False)
    with pytest.raises(SourceDrift, match=r'relation "token_usage_tracking" .* run the release DAG first'):
        rollup.run(TEXT)
