"""The partition key: one UTC day, written one way."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from airflow.sdk.exceptions import AirflowFailException
from slipway.kpi.day import parse_day
from slipway.kpi.errors import DayInvalid


def test_a_day_is_read_and_today_is_one() -> None:
    today = datetime.now(UTC).date()
    assert parse_day("2026-01-31") == date(2026, 1, 31)
    assert parse_day(today.isoformat()) == today


@pytest.mark.parametrize(
    "key", [None, "", "None", "20260131", "2026-02-30", "2026-W05-6", "31.01.2026", "2026-01-31T00:00"]
)
def test_anything_else_is_refused_with_an_example(key: str | None) -> None:
    with pytest.raises(DayInvalid, match='"partition_key": "2026-01-31"') as error:
        parse_day(key)
    assert isinstance(error.value, AirflowFailException)


def test_the_future_is_refused() -> None:
    tomorrow = datetime.now(UTC).date() + timedelta(days=1)
    with pytest.raises(DayInvalid, match="future"):
        parse_day(tomorrow.isoformat())
