"""From the days of a KPI to the status of its target: on track, behind, met, missed, or not enough data.

Pure: days in, reviews out. A target is never met on nothing: no day, no event, or fewer than the policy asks
for is ``insufficient_data``, whatever the number is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Literal

from slipway.kpi.targets.days import Days, DayValue
from slipway.kpi.targets.forecast import Interval
from slipway.kpi.targets.measures import Measurement, measure
from slipway.kpi.targets.policy import Horizon, Target, TargetPolicy

Status = Literal["on_track", "behind", "met", "missed", "insufficient_data"]
_SUMS = ("count", "amount", "return")


@dataclass(frozen=True)
class Review:
    """Status of one target on one day.

    :param horizon: key of the horizon, such as ``week_1``.
    :param target: key of the target in it.
    :param value: measured on the days so far; None when there is no value.
    :param n: its sample: days for sums, events for shares.
    :param forecast: expected at the due date, with its interval; None without one.
    :param reason: one line, for people.
    """

    horizon: str
    target: str
    policy: Target
    status: Status
    value: Decimal | None
    n: int
    forecast: Decimal | None
    low: Decimal | None
    high: Decimal | None
    due: date
    reason: str


def review_all(
    policy: TargetPolicy, series: Mapping[str, Sequence[DayValue]], *, promoted: date, as_of: date
) -> list[Review]:
    """Review every target of the policy.

    :param policy: the targets' policy.
    :param series: the KPIs' days, from the day before the promotion on; days may be missing.
    :param promoted: UTC day of the promotion.
    :param as_of: the last day that counts; on or after ``promoted``.
    """
    reviews = []
    for key, horizon in policy.horizons.items():
        for name, target in horizon.targets.items():
            days = Days.of(series.get(target.kpi or "", ()), promoted, min(as_of, horizon.due(promoted)))
            status, measured, reason = _judge(policy, horizon, target, days)
            reviews.append(
                Review(
                    horizon=key,
                    target=name,
                    policy=target,
                    status=status,
                    value=measured.value,
                    n=measured.n,
                    **_ends(measured.forecast),
                    due=horizon.due(promoted),
                    reason=reason,
                )
            )
    return reviews


def _judge(
    policy: TargetPolicy, horizon: Horizon, target: Target, days: Days
) -> tuple[Status, Measurement, str]:
    ahead = (horizon.due(days.first) - days.last).days
    measured = measure(target, days, ahead=ahead, policy=policy)
    value, expected = measured.value, measured.forecast
    if value is None:
        return "insufficient_data", measured, measured.gap
    if target.measure in _SUMS:
        early = _sum_is_decided(target, value)
        if early is not None:
            return early, measured, f"{_amount(value, target)} by {days.last}"
    if measured.gap:
        return "insufficient_data", measured, measured.gap
    if ahead == 0:
        return _at_the_end(target, value, days), measured, _so_far(target, value, days) + _missing(days)
    if expected is None:
        need = policy.minimum_days
        return "insufficient_data", measured, f"{_days(len(days.points))} of data; a forecast needs {need}"
    words = f"{_so_far(target, value, days)} of {horizon.days}; {_ahead(expected)}{_missing(days)}"
    return "on_track" if target.reached_by(expected.point) else "behind", measured, words


def _sum_is_decided(target: Target, value: Decimal) -> Status | None:
    """Decide a sum before its date: it has reached its lower limit, or exceeded its upper one."""
    if target.at_most is not None and value > target.at_most:
        return "missed"
    if target.at_most is None and target.at_least is not None and value >= target.at_least:
        return "met"
    return None


def _at_the_end(target: Target, value: Decimal, days: Days) -> Status:
    """Decide at the due date; a sum over days of which some are missing is not known."""
    if target.measure in _SUMS and days.missing:
        return "insufficient_data"
    return "met" if target.reached_by(value) else "missed"


def _so_far(target: Target, value: Decimal, days: Days) -> str:
    return f"{_amount(value, target)} in {_days(days.elapsed)}"


def _ahead(ends: Interval) -> str:
    return f"{ends.point:,.2f} expected by the due date ({ends.low:,.2f} to {ends.high:,.2f})"


def _amount(value: Decimal, target: Target) -> str:
    return f"{value:,.2f} {target.unit}"


def _days(count: int) -> str:
    return "1 day" if count == 1 else f"{count} days"


def _missing(days: Days) -> str:
    missing = days.missing
    if not missing:
        return ""
    shown = ", ".join(day.isoformat() for day in missing[:3])
    return f"; {_days(len(missing))} without data ({shown}{', ...' if len(missing) > 3 else ''})"


def _ends(interval: Interval | None) -> dict[str, Decimal | None]:
    if interval is None:
        return dict.fromkeys(("forecast", "low", "high"))
    values = (interval.point, interval.low, interval.high)
    return {
        name: Decimal(f"{value:.6f}") for name, value in zip(("forecast", "low", "high"), values, strict=True)
    }


def first_day_read(promoted: date) -> date:
    """Return the first day whose KPIs a review reads: the one before the promotion, to compare with."""
    return promoted - timedelta(days=1)
