"""The review of the business targets as a reader sees it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal


@dataclass(frozen=True)
class ReviewedTarget:
    """Review of one target on one day, in the order of ``kpi/targets_reviewed``.

    :param as_of: the reviewed UTC day.
    :param release_id: release that the targets are dated from.
    :param forecast: expected at the due date, with its interval; None without one.
    """

    as_of: date
    release_id: str
    version: str
    promoted_on: date
    horizon: str
    title: str
    unit: str
    status: str
    value: Decimal | None
    at_least: Decimal | None
    at_most: Decimal | None
    forecast: Decimal | None
    low: Decimal | None
    high: Decimal | None
    due: date
    reason: str

    @property
    def horizon_title(self) -> str:
        """The horizon in words, such as Week 1."""
        return self.horizon.replace("_", " ").capitalize()

    @property
    def required(self) -> str:
        """The limits of the target."""
        if self.at_least is not None and self.at_most is not None:
            return f"{_number(self.at_least)} to {_number(self.at_most)} {self.unit}"
        if self.at_least is not None:
            return f"at least {_number(self.at_least)} {self.unit}"
        if self.at_most is not None:
            return f"at most {_number(self.at_most)} {self.unit}"
        return ""

    @property
    def expected(self) -> str:
        """The forecast for the due date, with its interval."""
        if self.forecast is None or self.low is None or self.high is None:
            return ""
        return f"{_number(self.forecast)} ({_number(self.low)} to {_number(self.high)})"


def _number(value: Decimal) -> str:
    return f"{value:,.2f}".removesuffix(".00")
