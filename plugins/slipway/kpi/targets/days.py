"""The days of one KPI."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal


@dataclass(frozen=True)
class DayValue:
    """One day of a KPI, as published.

    :param value: None where it is not defined.
    :param n: number of events behind it.
    """

    day: date
    value: Decimal | None
    numerator: Decimal | None = None
    denominator: Decimal | None = None
    n: int = 0


@dataclass(frozen=True)
class Days:
    """The days from the promotion to the day of the review, and the one before the promotion.

    :param points: the days that have a value, in order.
    :param before: the day before the promotion; None when it was not published.
    """

    first: date
    last: date
    points: Sequence[DayValue]
    before: DayValue | None

    @classmethod
    def of(cls, series: Iterable[DayValue], first: date, last: date) -> Days:
        """Cut the days out of a KPI's series."""
        by_day = {point.day: point for point in series if point.value is not None}
        inside = [by_day[day] for day in sorted(by_day) if first <= day <= last]
        return cls(first, last, inside, by_day.get(first - timedelta(days=1)))

    @property
    def elapsed(self) -> int:
        """Days that have passed, with data or without."""
        return (self.last - self.first).days + 1

    @property
    def missing(self) -> list[date]:
        """Days that have passed and have no value."""
        have = {point.day for point in self.points}
        return [day for day in map(self._day, range(self.elapsed)) if day not in have]

    def _day(self, number: int) -> date:
        return self.first + timedelta(days=number)
