"""The day a run is about, and how statements name it."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from slipway.kpi.errors import DayInvalid


def parse_day(partition_key: str | None) -> date:
    """Read a run's partition key.

    :param partition_key: ``YYYY-MM-DD``; the day's hours are UTC. Today is allowed and gives a partial day.
    :raises DayInvalid: when it is missing, is no such date, or lies in the future.
    """
    text = partition_key or ""
    try:
        day = date.fromisoformat(text)
    except ValueError as error:
        raise _invalid(partition_key, "is not a date") from error
    if day.isoformat() != text:
        raise _invalid(partition_key, "is not written YYYY-MM-DD")
    if day > datetime.now(UTC).date():
        raise _invalid(partition_key, "lies in the future")
    return day


def bind_day(sql: str, day: date) -> str:
    """Put the half-open range of a day into a statement for PostgreSQL.

    :param sql: with ``:day`` and ``:next_day`` inside quotes.
    """
    return sql.replace(":next_day", (day + timedelta(days=1)).isoformat()).replace(":day", day.isoformat())


def bind_day_value(sql: str, day: date) -> str:
    """Put a day into a statement for ClickHouse that takes no parameters.

    :param sql: with ``{day:Date}``.
    """
    return sql.replace("{day:Date}", f"toDate('{day.isoformat()}')")


def _invalid(partition_key: str | None, why: str) -> DayInvalid:
    return DayInvalid(
        f"partition_key {partition_key!r} {why}: trigger the run with the UTC day to roll up, as parameter "
        'day or for example {"logical_date": null, "partition_key": "2026-01-31"}'
    )
