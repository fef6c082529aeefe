"""A row that comes late: the nightly search finds its day, has it rolled up again, and no other."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import clickhouse_connect
import httpx
import psycopg
import pytest

from sandbox.airflow.environment import CLICKHOUSE_DATABASE, CLICKHOUSE_USER
from sandbox.databases import postgres
from sandbox.demo import story
from sandbox.demo.airflow_client import AirflowClient
from sandbox.supervisor import credentials
from sandbox.supervisor.settings import HOST, Settings

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1800)]

ROLLUP, LATE = "kpi_rollup", "kpi_late_data"
BOUND_SECONDS = 400.0


def use(settings: Settings, day: date) -> UUID:
    """Write one request of a day into the product's own table, as the product does, and return its id."""
    with psycopg.connect(postgres.uri(settings, "netra_production")) as connection:
        identifier = uuid4()
        connection.execute(
            "INSERT INTO token_usage_tracking (id, user_id, session_key, agent_name, tokens_used, cost_usd,"
            " optimization_applied, created_at, model, revision, tokens_original, cost_original_usd,"
            " optimization_succeeded)"
            " SELECT %s, id, 'late', 'late', 100, 0.003, TRUE, %s, 'gpt-4', 'late', 125, 0.00375, TRUE"
            " FROM users ORDER BY id LIMIT 1",
            (identifier, f"{day} 20:00"),
        )
    return identifier


def read(settings: Settings, query: str, **parameters: Any) -> list[tuple[Any, ...]]:
    """Return rows of ClickHouse."""
    client = clickhouse_connect.get_client(
        host=HOST,
        port=settings.clickhouse_port,
        username=CLICKHOUSE_USER,
        password=credentials.load(settings).clickhouse_password,
        database=CLICKHOUSE_DATABASE,
    )
    try:
        return [tuple(row) for row in client.query(query, parameters=parameters).result_rows]
    finally:
        client.close()


def published(settings: Settings, day: date) -> tuple[int, str, datetime]:
    """Return a day's requests, and by which run and when they were published."""
    query = (
        "SELECT toInt64(value), run_id, published_at FROM kpi_daily"
        " WHERE as_of = {day:Date} AND kpi = 'requests' AND dim = 'all'"
    )
    ((requests, run_id, at),) = read(settings, query, day=day)
    return requests, run_id, at


@pytest.fixture
def two_days(airflow: AirflowClient, settings: Settings, bad: story.ReleaseReport) -> tuple[date, date]:
    """Two past days with a request each, rolled up: the one of the late row, and another."""
    with psycopg.connect(postgres.uri(settings, "netra_production")) as connection:
        # What billing, support and sales noted of earlier days: each would be rolled up for the first time.
        connection.execute("DELETE FROM subscription_event WHERE occurred_at < CURRENT_DATE")
        connection.execute("DELETE FROM satisfaction_answer WHERE created_at < CURRENT_DATE")
        connection.execute("DELETE FROM enterprise_enquiry WHERE created_at < CURRENT_DATE")
        connection.execute("UPDATE users SET converted_at = NULL WHERE converted_at < CURRENT_DATE")
        # The prices begin with the release; the earlier days need one, too.
        connection.execute(
            "INSERT INTO token_price (model, effective_from, usd_per_token)"
            " VALUES ('gpt-4', '2020-01-01', 0.00003)"
        )
    today = datetime.now(UTC).date()
    days = today - timedelta(days=1), today - timedelta(days=2)
    for day in days:
        use(settings, day)
    runs = [airflow.start(ROLLUP, partition_key=day.isoformat()) for day in days]
    for run in runs:
        assert airflow.wait(ROLLUP, run, bound=BOUND_SECONDS).state == "success"
    return days


def test_a_late_row_is_counted_once_and_only_its_day_is_rolled_up_again(
    airflow: AirflowClient, settings: Settings, two_days: tuple[date, date]
) -> None:
    late_day, other_day = two_days
    before, other = published(settings, late_day), published(settings, other_day)
    assert before[0] == 1
    late_row = use(settings, late_day)
    search = airflow.start(LATE)
    searched = airflow.wait(LATE, search, bound=BOUND_SECONDS)
    assert searched.state == "success"
    assert [value for task, value in searched.tasks.items() if task.startswith("roll_up_again")] == [
        "success"
    ]
    again = f"late__{late_day}__{search}"
    assert airflow.wait(ROLLUP, again, bound=BOUND_SECONDS).state == "success"

    assert read(settings, "SELECT count() FROM usage_fact WHERE id = {id:UUID}", id=late_row) == [(1,)]
    requests, run_id, at = published(settings, late_day)
    assert (requests, run_id) == (2, again)
    assert at > before[2]
    assert published(settings, other_day) == other
    with pytest.raises(httpx.HTTPStatusError, match="404"):
        airflow.run_state(ROLLUP, f"late__{other_day}__{search}")
