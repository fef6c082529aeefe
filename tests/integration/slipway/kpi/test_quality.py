"""Great Expectations against the source and the staged KPIs."""

from __future__ import annotations

from datetime import date

import psycopg
import pytest
from slipway.kpi.errors import QualityCheckFailed

from sandbox.history.loading import load
from sandbox.history.rows import Usage
from tests.integration.slipway.kpi.known_past import make_days, usage_of
from tests.integration.slipway.kpi.rollup import Rollup

# Great Expectations and what it imports raise these while being imported and used.
pytestmark = [pytest.mark.sandbox, pytest.mark.filterwarnings("default")]
DAY = "2026-01-30"


def write_usage(source: psycopg.Connection, count: int) -> list[Usage]:
    """Write requests of the day; return them."""
    ids = [row[0] for row in source.execute("SELECT id FROM users ORDER BY id")]
    made = usage_of(make_days(date.fromisoformat(DAY), 1, ids=ids).there)[:count]
    assert len(made) == count
    load(source, {Usage: made})
    return made


def test_good_data_is_published_and_bad_data_is_not(
    source: psycopg.Connection, rollup: Rollup, caplog: pytest.LogCaptureFixture
) -> None:
    rows = write_usage(source, 500)
    results = rollup.run(DAY)
    assert results["source.quality"] == {"source_usage": 14, "source_events": 8, "source_records": 17}
    assert results["check.quality"] == {"staged_day": 10, "kpi_daily": 6}
    assert results["publish"]["rows"] == 500
    before = rollup.published(DAY)

    source.execute("UPDATE token_usage_tracking SET tokens_used = -1 WHERE id = %s", (rows[0].id,))
    source.execute(
        "UPDATE token_usage_tracking SET cost_usd = NULL WHERE id IN (%s, %s)", (rows[1].id, rows[2].id)
    )
    with pytest.raises(QualityCheckFailed) as refused:
        rollup.run(DAY)
    message = str(refused.value)
    assert "expect_column_min_to_be_between(column=fewest_tokens, min_value=0.0): found -1" in message
    assert (
        "expect_column_max_to_be_between(column=share_without_cost, max_value=0.001): found 0.004" in message
    )
    assert rollup.published(DAY) == before
    assert str(source.info.password) not in message + caplog.text


def test_a_day_of_users_whom_nobody_knows_is_not_published(
    source: psycopg.Connection, rollup: Rollup
) -> None:
    ids = [row.id for row in write_usage(source, 100)]
    source.execute(
        "UPDATE token_usage_tracking SET user_id = gen_random_uuid() WHERE id = ANY(%s)", (ids[:10],)
    )
    rollup.run(DAY)
    before = rollup.published(DAY)
    source.execute(
        "UPDATE token_usage_tracking SET user_id = gen_random_uuid() WHERE id = ANY(%s)", (ids[10:11],)
    )
    with pytest.raises(QualityCheckFailed, match=r"share_of_unknown_users.*: 1 of 1 rows"):
        rollup.run(DAY)
    assert rollup.published(DAY) == before


def allow_everything(source: psycopg.Connection) -> None:
    """Take the rules off, as in a database whose rows are older than they."""
    for table, rule in source.execute(
        "SELECT conrelid::regclass::text, conname FROM pg_constraint WHERE contype = 'c' AND NOT convalidated"
    ).fetchall():
        source.execute(f"ALTER TABLE {table} DROP CONSTRAINT {rule}")


def subscribe(source: psycopg.Connection, mrr_usd: str, occurred_at: str) -> str:
    """Note a subscription of the first user; return the user's id."""
    (user,) = source.execute("SELECT id FROM users ORDER BY id LIMIT 1").fetchone() or ("",)
    source.execute(
        "INSERT INTO subscription_event VALUES (gen_random_uuid(), %s, 'started', 'pro', %s, %s)",
        (user, mrr_usd, occurred_at),
    )
    return str(user)


BEFORE = "2026-01-20"
MADE = "gen_random_uuid(), gen_random_uuid()"
# What PostgreSQL takes on the day itself: the statement, and what the check says.
ON_THE_DAY = [
    (
        (
            "UPDATE token_usage_tracking SET cost_usd = 'NaN'"
            " WHERE id IN (SELECT id FROM token_usage_tracking LIMIT 2)"
        ),
        "source_usage: token_usage_tracking.cost_usd NaN or infinite: 2 rows",
    ),
    (
        (
            "UPDATE token_usage_tracking SET cost_original_usd = 'NaN'"
            " WHERE id IN (SELECT id FROM token_usage_tracking LIMIT 1)"
        ),
        "source_usage: token_usage_tracking.cost_original_usd NaN or infinite: 1 rows",
    ),
    (
        f"INSERT INTO subscription_event VALUES ({MADE}, 'started', 'pro', 'NaN', '{DAY}')",
        "source_events: subscription_event.mrr_usd NaN or infinite: 1 rows",
    ),
    (
        f"INSERT INTO token_price VALUES ('other', '{DAY}', 'NaN')",
        "source_events: token_price.usd_per_token NaN or infinite: 1 rows",
    ),
    (
        f"INSERT INTO websocket_delivery VALUES ({MADE}, 'r', 1, 1, 'NaN', '{DAY}')",
        "source_events: websocket_delivery.slowest_ms NaN or infinite: 1 rows",
    ),
    (
        f"INSERT INTO budget_alert VALUES ({MADE}, 'r', 'low', 'NaN', '{DAY}')",
        "source_events: budget_alert.spent_usd NaN or infinite: 1 rows",
    ),
]


def test_values_that_the_warehouse_cannot_hold_cost_their_day_and_each_is_named(
    source: psycopg.Connection, rollup: Rollup
) -> None:
    write_usage(source, 100)
    allow_everything(source)
    for statement, _ in ON_THE_DAY:
        source.execute(statement)
    with pytest.raises(QualityCheckFailed) as refused:
        rollup.run(DAY, until="source.quality", skip=("extract.around", "extract.usage"))
    assert [words for _, words in ON_THE_DAY if words not in str(refused.value)] == []


ODD_FIRST = (
    "UPDATE users SET {0} = CASE id WHEN (SELECT id FROM users ORDER BY id LIMIT 1)"
    " THEN '{1}' ELSE '{2}' END::timestamp WHERE id IN (SELECT id FROM users ORDER BY id LIMIT 3)"
)
# What PostgreSQL takes on another day, or on none: the statement, and what the log says.
ELSEWHERE = [
    (
        f"INSERT INTO subscription_event VALUES ({MADE}, 'started', 'pro', 'NaN', '{BEFORE}')",
        "subscription_event.mrr_usd NaN or infinite: 1 rows",
    ),
    (
        (
            f"INSERT INTO subscription_event SELECT {MADE}, 'started', 'pro', 10, at"
            " FROM unnest(ARRAY['1965-01-01', '-infinity', 'infinity', '9999-12-31']::timestamp[]) AS at"
        ),
        "subscription_event.occurred_at outside 1970 to 2149: 4 rows",
    ),
    (
        f"INSERT INTO subscription_event VALUES ({MADE}, 'started', 'free', 10, '{BEFORE}')",
        "subscription_event.mrr_usd free with a price or paid without: 1 rows",
    ),
    (
        ODD_FIRST.format("converted_at", "-infinity", "infinity"),
        "users.converted_at outside 1970 to 2149: 3 rows",
    ),
    (
        ODD_FIRST.format("created_at", "9999-12-31", "-infinity"),
        "users.created_at outside 1970 to 2149: 3 rows",
    ),
    (
        (
            "INSERT INTO token_price SELECT 'gpt-4', at, 1"
            " FROM unnest(ARRAY['-infinity', '9999-12-31']::timestamp[]) AS at"
        ),
        "token_price.effective_from outside 1970 to 2149: 2 rows",
    ),
    (
        f"INSERT INTO token_price VALUES ('gpt-4', '{BEFORE}', 'NaN')",
        "token_price.usd_per_token NaN or infinite: 1 rows",
    ),
    (
        (
            "UPDATE token_usage_tracking SET agent_name = 'a\\u0000b'"
            " WHERE id IN (SELECT id FROM token_usage_tracking LIMIT 4)"
        ),
        "token_usage_tracking.agent_name with the escape \\u0000: 4 rows",
    ),
    (
        (
            "INSERT INTO token_usage_tracking (id, user_id, session_key, created_at)"
            " SELECT gen_random_uuid(), gen_random_uuid(), 's', at"
            " FROM unnest(ARRAY['infinity', '1969-12-31', NULL]::timestamp[]) AS at"
        ),
        "token_usage_tracking.created_at outside 1970 to 2149: 2 rows",
    ),
    (
        "INSERT INTO enterprise_enquiry VALUES (gen_random_uuid(), NULL, 'web', 'infinity')",
        "enterprise_enquiry.created_at outside 1970 to 2149: 1 rows",
    ),
    (
        (
            "ALTER TABLE users DROP CONSTRAINT users_plan_check;"
            " UPDATE users SET plan = repeat('x', 100000) WHERE id IN (SELECT id FROM users LIMIT 1)"
        ),
        "users.plan longer than 255 characters: 1 rows",
    ),
]


def test_values_of_other_days_have_defaults_and_each_is_named(
    source: psycopg.Connection, rollup: Rollup, capsys: pytest.CaptureFixture[str]
) -> None:
    write_usage(source, 100)
    allow_everything(source)
    for statement, _ in ELSEWHERE:
        source.execute(statement)
    assert rollup.run(DAY)["publish"]["rows"] == 100
    said = capsys.readouterr().out
    assert [words for _, words in ELSEWHERE if words not in said] == []


def test_a_subscription_without_a_number_leaves_the_one_before_it_in_force(
    source: psycopg.Connection, rollup: Rollup
) -> None:
    write_usage(source, 100)
    allow_everything(source)
    user = subscribe(source, "40", "1965-01-01")
    subscribe(source, "NaN", BEFORE)
    rollup.run(DAY)
    paying = "SELECT toString(mrr_usd), toString(paid_since) FROM kpi.subscriber_day"
    assert rollup.query(f"{paying} WHERE day = '{DAY}' AND user_id = '{user}'") == [("40", "1970-01-01")]


def test_the_products_migrations_forbid_what_the_warehouse_cannot_hold(
    blank_source: psycopg.Connection,
) -> None:
    usage = "INSERT INTO token_usage_tracking (id, user_id, session_key"
    for wrong in (
        f"INSERT INTO subscription_event VALUES ({MADE}, 'started', 'pro', 'NaN', now())",
        f"INSERT INTO subscription_event VALUES ({MADE}, 'started', 'pro', 1, '-infinity')",
        f"{usage}, cost_usd) VALUES ({MADE}, 's', 'NaN')",
        f"{usage}, created_at) VALUES ({MADE}, 's', '9999-12-31')",
        "INSERT INTO token_price VALUES ('m', now(), 'NaN')",
        f"INSERT INTO budget_alert VALUES ({MADE}, 'r', 'low', 'NaN', now())",
        f"INSERT INTO websocket_delivery VALUES ({MADE}, 'r', 1, 1, 'NaN', now())",
        "INSERT INTO enterprise_enquiry VALUES (gen_random_uuid(), NULL, 'web', 'infinity')",
    ):
        with pytest.raises(psycopg.errors.CheckViolation):
            blank_source.execute(wrong)
