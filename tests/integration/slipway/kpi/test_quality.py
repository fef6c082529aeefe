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
    assert results["source.quality"] == {"source_usage": 8, "source_events": 4}
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
