"""Events, subscriptions, releases, deletions and late data, against values worked out by hand."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from slipway.ledger.entries import IncidentReported, ReleaseOpened, TrafficShifted
from slipway.ledger.ledger import Ledger
from slipway.policy.release import load_policy
from slipway.release.request import plan_release

from sandbox.databases import postgres
from sandbox.history.loading import load
from sandbox.history.rows import Usage
from sandbox.supervisor.settings import Settings
from tests.integration.slipway.kpi.known_past import make_days, usage_of
from tests.integration.slipway.kpi.rollup import Rollup

pytestmark = pytest.mark.sandbox
# Late data is looked for in the days before today.
DAY = datetime.now(UTC).date() - timedelta(days=3)
TEXT = DAY.isoformat()
NOON = datetime(DAY.year, DAY.month, DAY.day, 12)  # noqa: DTZ001 - as the product's tables have it
NOBODY = uuid.UUID(int=0)
SKIPPED = ("source.quality", "check.quality", "review_targets")


def users(source: psycopg.Connection) -> list[tuple[uuid.UUID, str]]:
    """Return the product's users and their plans."""
    return [(row[0], row[1]) for row in source.execute("SELECT id, plan FROM users ORDER BY id")]


def write_usage(source: psycopg.Connection, days: int) -> None:
    """Write the requests of the days up to the one under test; the half of the users make none."""
    ids = [user for user, _ in users(source)[::2]]
    past = make_days(DAY - timedelta(days=days - 1), days, ids=ids)
    load(source, {Usage: usage_of(past.there)})


def write(source: psycopg.Connection, table: str, *rows: dict[str, Any]) -> None:
    """Write rows with an id of their own, at noon unless they say otherwise."""
    for row in rows:
        values = {"id": uuid.uuid4(), **row}
        names = ", ".join(values)
        places = ", ".join(f"%({name})s" for name in values)
        source.execute(f"INSERT INTO {table} ({names}) VALUES ({places})", values)


def shift(ledger: Ledger, settings: Settings) -> str:
    """Put a release on record whose canary served from 11:00 to 13:00; return its revision."""
    policy = load_policy("release.yaml")
    plan = plan_release(
        {"version": "1.1.0"},
        run_id="test",
        known_fields=("version",),
        policy=policy,
        resolve_digest=lambda image: f"{image.rpartition(':')[0]}@sha256:{'0' * 64}",
    )
    ledger.open_release(plan, policy, ReleaseOpened(actor="ada", stable={"netra-backend-prod": {"old": 100}}))
    ledger.append(plan.release_id, TrafficShifted(phase="canary", at=datetime.now(UTC), changes={}))
    ledger.close(plan.release_id, outcome="rolled_back", reason="a test")
    with psycopg.connect(postgres.uri(settings, "slipway"), autocommit=True) as connection:
        connection.execute("ALTER TABLE ledger_entry DISABLE TRIGGER ALL")
        connection.execute(
            "UPDATE ledger_entry SET at = CASE key WHEN 'shifted/canary' THEN %(canary)s::timestamptz "
            "ELSE %(end)s::timestamptz END WHERE key IN ('shifted/canary', 'closed')",
            {"canary": f"{TEXT} 11:00Z", "end": f"{TEXT} 13:00Z"},
        )
    return plan.progressive.revisions["production"]


def test_events_become_kpis_by_hand(
    source: psycopg.Connection, rollup: Rollup, ledger: Ledger, postgres_server: Settings
) -> None:
    new = shift(ledger, postgres_server)
    people = dict(users(source))
    free = [user for user, plan in people.items() if plan == "free"]
    paying = [user for user, plan in people.items() if plan == "enterprise"]
    write_usage(source, days=1)
    at = {"created_at": NOON}
    for number in range(20):
        write(
            source,
            "websocket_delivery",
            {
                "user_id": free[number],
                "revision": new if number < 5 else "old",
                "events_owed": 3,
                "events_delivered": 2 if number == 0 else 3,
                "slowest_ms": 10 * (number + 1),
                **at,
            },
        )
    write(
        source,
        "budget_alert",
        {"user_id": free[0], "revision": "old", "level": "exceeded", "spent_usd": 100, **at},
        {"user_id": free[0], "revision": "old", "level": "high", "spent_usd": 90, **at},
        {"user_id": paying[0], "revision": "old", "level": "exceeded", "spent_usd": 1000, **at},
    )
    write(
        source,
        "platform_incident",
        {"revision": new, "kind": "session_isolation_breach", "severity": "critical", **at},
        {"revision": new, "kind": "optimizer_failed", "severity": "warning", **at},
    )
    for user in (free[0], free[0], free[1]):
        write(source, "cost_feature_use", {"user_id": user, "revision": "old", "feature": "costs", **at})
    for score in (5, 4, 3):
        write(source, "satisfaction_answer", {"user_id": free[0], "topic": "costs", "score": score, **at})
    write(source, "enterprise_enquiry", {"source": "web", **at})
    before = NOON - timedelta(days=10)
    write(
        source,
        "subscription_event",
        {"user_id": paying[0], "kind": "started", "plan": "enterprise", "mrr_usd": 350, "occurred_at": NOON},
        {"user_id": paying[1], "kind": "started", "plan": "pro", "mrr_usd": "49.90", "occurred_at": before},
        {"user_id": paying[2], "kind": "started", "plan": "pro", "mrr_usd": 49, "occurred_at": before},
        {"user_id": paying[2], "kind": "cancelled", "plan": "free", "mrr_usd": 0, "occurred_at": NOON},
    )
    for number, signed_up in enumerate((29, 30, 59, 60)):
        source.execute(
            "UPDATE users SET created_at = %s, converted_at = %s WHERE id = %s",
            (
                NOON.replace(tzinfo=UTC) - timedelta(days=signed_up),
                NOON.replace(tzinfo=UTC) - timedelta(days=10) if number == 1 else None,
                free[number],
            ),
        )
    rollup.run(TEXT, skip=SKIPPED)

    value = {key: row[0] for key, row in rollup.kpis(TEXT).items()}
    assert value["websocket_delivery_percent", "all"] == Decimal("98.333333")
    assert value["websocket_delivery_percent", "phase=1.1.0/canary/new"] == Decimal("93.333333")
    assert value["websocket_delivery_percent", "phase=1.1.0/canary/stable"] == 100
    assert value["websocket_latency_p95_ms", "all"] == 200
    assert (value["budget_alerts", "all"], value["upsell_opportunities", "all"]) == (3, 1)
    assert (value["session_isolation_breaches", "release=1.1.0"], value["critical_failures", "all"]) == (1, 1)
    assert value["cost_feature_users", "all"] == 2
    assert value["satisfaction_percent", "all"] == Decimal("66.666667")
    assert value["enterprise_enquiries", "all"] == 1
    assert value["arr_usd", "all"] == 12 * Decimal("399.90")
    assert value["arr_usd", "plan=pro"] == 12 * Decimal("49.90")
    assert value["free_to_paid_conversion_percent", "all"] == 50
    (window,) = rollup.query("SELECT version, phase, revision FROM kpi.release_phase")
    assert window == ("1.1.0", "canary", new)
    over_days = {
        row[0]: row[1:]
        for row in rollup.query(
            f"SELECT kpi, value, n FROM kpi.kpi WHERE as_of = '{TEXT}' AND dim = 'all' "
            "AND kpi NOT IN (SELECT kpi FROM kpi.kpi_daily)"
        )
    }
    assert over_days["demonstrated_savings_usd"][0] == value["cost_savings_usd", "all"]
    assert over_days["monthly_cost_reduction_usd"][0] == value["cost_savings_usd", "all"]
    assert over_days["cost_feature_users_7d"] == (2, 2)
    assert over_days["churn_avoided_users"][0] is None
    assert over_days["churn_at_risk_users"] == (0, 0)
    assert over_days["influenced_arr_usd"][0] in (0, 4200)


def test_a_day_on_which_a_bad_revision_served_is_marked_also_when_that_is_known_later(
    source: psycopg.Connection, rollup: Rollup, ledger: Ledger, postgres_server: Settings
) -> None:
    days = [DAY - timedelta(days=1), DAY]
    write_usage(source, days=2)
    new = shift(ledger, postgres_server)
    for day in days:
        rollup.run(day.isoformat(), skip=SKIPPED)
    assert rollup.query("SELECT count() FROM kpi.bad_revision") == [(0,)]
    assert rollup.differing_days() == {}
    began = NOON.replace(tzinfo=UTC) - timedelta(hours=13)
    release = ledger.listing.releases(limit=1)[0].release_id
    ledger.append(
        release,
        IncidentReported(
            reason="5 % errors",
            revisions={"netra-backend-prod": new},
            most_percent={"netra-backend-prod": 10},
            began_at=began,
            ended_at=began + timedelta(hours=2),
            users=12,
        ),
    )
    assert rollup.differing_days() == dict.fromkeys(days, "bad revision not marked")
    for day in days:
        rollup.run(day.isoformat(), skip=SKIPPED)
    assert rollup.differing_days() == {}
    marked = rollup.query(
        "SELECT day, release_id, version, service, revision, most_percent, began_at, ended_at, users, reason"
        " FROM kpi.bad_revision ORDER BY day"
    )
    window = [at.replace(tzinfo=None) for at in (began, began + timedelta(hours=2))]
    row = (release, "1.1.0", "netra-backend-prod", new, 10, *window, 12, "5 % errors")
    assert marked == [(day, *row) for day in days]


def test_late_rows_and_forgotten_users_are_found_and_get_in(
    source: psycopg.Connection, rollup: Rollup
) -> None:
    days = [DAY - timedelta(days=1), DAY]
    people = users(source)
    write_usage(source, days=2)
    rollup.run(TEXT, until="migrate")
    assert rollup.differing_days() == dict.fromkeys(days, "usage not published")
    for day in days:
        rollup.run(day.isoformat(), skip=SKIPPED)
    assert rollup.differing_days() == {}
    # What PostgreSQL does to rows by itself is no change of them.
    source.execute("VACUUM (FREEZE) token_usage_tracking")
    source.execute("VACUUM (FULL, FREEZE) token_usage_tracking")
    assert rollup.differing_days() == {}

    write(source, "enterprise_enquiry", {"source": "web", "created_at": NOON})
    assert rollup.differing_days() == {DAY: "events changed"}
    source.execute("UPDATE token_usage_tracking SET agent_name = 'other' WHERE created_at >= %s", (DAY,))
    assert rollup.differing_days() == {DAY: "events changed, usage changed"}
    rollup.run(TEXT, skip=SKIPPED)
    assert rollup.differing_days() == {}

    # What a customer pays holds on every day from then on.
    early = datetime(days[0].year, days[0].month, days[0].day, 9)  # noqa: DTZ001 - as the product's tables have it
    write(
        source,
        "subscription_event",
        {"user_id": people[0][0], "kind": "started", "plan": "pro", "mrr_usd": 49, "occurred_at": early},
    )
    assert rollup.differing_days() == {days[0]: "customers changed, events changed", DAY: "customers changed"}
    for day in days:
        rollup.run(day.isoformat(), skip=SKIPPED)
        assert rollup.kpis(day.isoformat())["arr_usd", "all"][0] == 12 * 49
    assert rollup.differing_days() == {}

    ((user,),) = rollup.query(f"SELECT any(user_id) FROM kpi.usage_user_day WHERE day = '{TEXT}'")
    cost = rollup.kpis(TEXT)["cost_usd", "all"]
    source.execute("INSERT INTO user_deletion VALUES (%s, now())", (user,))
    assert rollup.differing_days()[DAY] == "names a forgotten user"
    for day in rollup.differing_days():
        rollup.run(day.isoformat(), skip=SKIPPED)
    assert rollup.differing_days() == {}
    assert rollup.kpis(TEXT)["cost_usd", "all"] == cost
    for table in ("usage_fact", "usage_user_day", "event_fact", "subscriber_day"):
        ((named,),) = rollup.query(f"SELECT countIf(user_id = '{user}') FROM kpi.{table}")
        assert named == 0, table
    ((sessions,),) = rollup.query(
        f"SELECT countIf(session_key != '') FROM kpi.usage_fact WHERE user_id = '{NOBODY}'"
    )
    assert sessions == 0
