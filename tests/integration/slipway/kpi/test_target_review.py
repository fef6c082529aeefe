"""The review of the targets over published KPIs, as the DAG's last step but one."""

from __future__ import annotations

import inspect
from datetime import date, timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest
from slipway.ledger.entries import ReleaseOpened
from slipway.ledger.ledger import Ledger
from slipway.policy.release import load_policy
from slipway.release.request import plan_release

from sandbox.databases import postgres
from sandbox.supervisor.settings import Settings
from tests.integration.slipway.kpi.rollup import PRODUCT, Rollup

pytestmark = pytest.mark.sandbox
DAY = date(2026, 1, 31)
WITHOUT_QUALITY = ("source.quality", "check.quality")


def promote(
    ledger: Ledger, settings: Settings, day: date, version: str = "1.1.0", name: str = PRODUCT
) -> str:
    """Put a promoted release of a product on record, closed at noon of a day."""
    policy = load_policy("release.yaml").model_copy(update={"name": name})
    plan = plan_release(
        {"version": version},
        run_id=version,
        known_fields=("version",),
        policy=policy,
        resolve_digest=lambda image: f"{image.rpartition(':')[0]}@sha256:{'0' * 64}",
    )
    ledger.open_release(plan, policy, ReleaseOpened(actor="ada", stable={"netra-backend-prod": {"old": 100}}))
    ledger.close(plan.release_id, outcome="promoted", reason="every phase was promoted")
    with psycopg.connect(postgres.uri(settings, "slipway"), autocommit=True) as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute(
            "UPDATE ledger_entry SET at = %s WHERE release_id = %s AND key = 'closed'",
            (f"{day} 12:00:00+00", plan.release_id),
        )
    return plan.release_id


def reviews(rollup: Rollup, day: date) -> dict[tuple[str, str], tuple[Any, ...]]:
    rows = rollup.query(
        "SELECT horizon, target, status, value, n, due, reason, release_id, promoted_on "
        f"FROM kpi.target_review WHERE as_of = '{day}'"
    )
    return {(row[0], row[1]): row[2:] for row in rows}


def publish(rollup: Rollup, day: date, kpi: str, value: str) -> None:
    """Publish one KPI of a day, as the rollup would."""
    rollup.command(
        "INSERT INTO kpi.kpi_daily (product, as_of, kpi, dim, value, n, unit, definition_version, run_id) "
        f"VALUES ('{PRODUCT}', '{day}', '{kpi}', 'all', {value}, 1, 'any', 1, 'run')"
    )


def review(day: date, attempt: int = 1) -> dict[str, Any]:
    """Run the DAG's task."""
    from slipway.operators.kpi.targets import ReviewTargetsOperator

    task = ReviewTargetsOperator(task_id="review_targets", product=PRODUCT, day=day.isoformat())
    context = {"run_id": f"run-{day}", "ti": SimpleNamespace(try_number=attempt)}
    told: dict[str, Any] = inspect.unwrap(ReviewTargetsOperator.execute)(task, context)
    return told


@pytest.fixture
def three_days(rollup: Rollup) -> list[date]:
    """Three published days."""
    rollup.run(DAY.isoformat(), until="migrate")
    days = [DAY + timedelta(days=index) for index in range(3)]
    for day, saved, conversions in zip(days, ("10.000001", "20", "30"), (0, 3, 0), strict=True):
        publish(rollup, day, "cost_savings_usd", saved)
        publish(rollup, day, "free_to_paid_conversions", str(conversions))
    return days


def test_a_day_is_judged_from_what_is_published(
    three_days: list[date], rollup: Rollup, ledger: Ledger, postgres_server: Settings
) -> None:
    assert review(three_days[0])["release"] is None
    assert reviews(rollup, three_days[0]) == {}

    release = promote(ledger, postgres_server, three_days[0])
    promote(ledger, postgres_server, three_days[2], version="1.2.0")
    for day in three_days:
        told = review(day)
        assert told["release"] == release
        assert sum(told["statuses"].values()) == len(reviews(rollup, day)) == 16
    found = reviews(rollup, three_days[2])
    assert found["week_1", "conversions"][:4] == ("met", Decimal(3), 3, DAY + timedelta(days=6))
    assert reviews(rollup, DAY)["week_1", "conversions"][0] == "insufficient_data"
    status, value, n, due, reason, _, promoted_on = found["year_1", "savings"]
    assert (status, value, n) == ("behind", Decimal("60.000001"), 3)
    assert (due, promoted_on) == (DAY + timedelta(days=364), DAY)
    assert "expected by the due date" in reason
    assert found["quarter_1", "value_proposition"][0] == "insufficient_data"
    assert rollup.staging_tables() == []


def test_reviewed_again_it_is_the_same_and_before_the_promotion_there_is_none(
    three_days: list[date], rollup: Rollup, ledger: Ledger, postgres_server: Settings
) -> None:
    release = promote(ledger, postgres_server, DAY)
    for attempt in (1, 2):
        review(DAY, attempt)
    before = reviews(rollup, DAY)
    assert len(before) == 16
    assert {row[5] for row in before.values()} == {release}
    # Moved to the day after: what was said about this day goes.
    with psycopg.connect(postgres.uri(postgres_server, "slipway"), autocommit=True) as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute("UPDATE ledger_entry SET at = at + interval '1 day' WHERE key = 'closed'")
    assert review(DAY)["statuses"] == {}
    assert reviews(rollup, DAY) == {}


def test_a_day_published_again_refreshes_what_was_said_about_later_days(
    three_days: list[date], rollup: Rollup, ledger: Ledger, postgres_server: Settings
) -> None:
    promote(ledger, postgres_server, three_days[0])
    for day in three_days:
        assert review(day)["later_days"] == 0
    assert reviews(rollup, three_days[2])["week_1", "conversions"][1] == 3
    publish(rollup, three_days[0] - timedelta(days=1), "free_to_paid_conversions", "7")
    rollup.command(
        "ALTER TABLE kpi.kpi_daily UPDATE value = 4 WHERE kpi = 'free_to_paid_conversions' "
        f"AND as_of = '{three_days[0]}' SETTINGS mutations_sync = 2"
    )
    assert review(three_days[0], attempt=2)["later_days"] == 2
    values = [reviews(rollup, day)["week_1", "conversions"][1] for day in three_days]
    assert values == [Decimal(4), Decimal(7), Decimal(7)]
    assert rollup.staging_tables() == []
