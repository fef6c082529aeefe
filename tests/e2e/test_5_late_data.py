"""A row that comes late: the nightly search finds its day, has it rolled up again, and no other."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import clickhouse_connect
import httpx
import pytest

from sandbox.airflow.environment import CLICKHOUSE_DATABASE, CLICKHOUSE_USER
from sandbox.demo.airflow_client import AirflowClient
from sandbox.supervisor import credentials
from sandbox.supervisor.settings import HOST, Settings
from tests.e2e.past_days import BOUND_SECONDS, ROLLUP, PastDays, use

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1800)]

LATE = "kpi_late_data"


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


def test_a_late_row_is_counted_once_and_only_its_day_is_rolled_up_again(
    airflow: AirflowClient, settings: Settings, past_days: PastDays
) -> None:
    late_day, other_day = past_days.rolled_up()
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
