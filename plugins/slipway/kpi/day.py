"""The day a run is about."""

from __future__ import annotations

from datetime import UTC, date, datetime

from slipway.kpi.errors import DayInvalid


def parse_day(partition_key: str | None) -> date:
    """Read a run's partition key.

    :param partition_key: ``YYYY-MM-DD``; the day's hours are UTC. Today is allowed and gives a partial day.
    :return: the day.
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


def _invalid(partition_key: str | None, why: str) -> DayInvalid:
    return DayInvalid(
        f"partition_key {partition_key!r} {why}: trigger the run with the UTC day to roll up, as parameter "
        'day or for example {"logical_date": null, "partition_key": "2026-01-31"}'
    )
