"""How the days of a KPI become one number, with its sample and its forecast."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from itertools import pairwise

from slipway.kpi.targets import forecast
from slipway.kpi.targets.days import Days, DayValue
from slipway.kpi.targets.forecast import Interval
from slipway.kpi.targets.policy import Target, TargetPolicy

_MICRO = Decimal("0.000001")


@dataclass(frozen=True)
class Measurement:
    """A number.

    :param value: None when the days have none.
    :param n: its sample: days for sums, events for shares, the KPI's own ``n`` for levels.
    :param forecast: at the due date; None when there are too few days.
    :param gap: why the value is no evidence; empty when it is.
    """

    value: Decimal | None
    n: int = 0
    forecast: Interval | None = None
    gap: str = ""


@dataclass(frozen=True)
class _Question:
    target: Target
    days: Days
    ahead: int
    confidence: float
    enough_days: bool


def measure(target: Target, days: Days, *, ahead: int, policy: TargetPolicy) -> Measurement:
    """Measure a target on its days.

    :param target: of the policy.
    :param days: the KPI's days.
    :param ahead: days to go until the due date, 0 or more.
    :param policy: the targets' policy.
    """
    if target.measure == "statement":
        return Measurement(None, gap="No KPI measures this; a person decides")
    if not days.points:
        return Measurement(None, gap=f"No value of {target.kpi} from {days.first} to {days.last}")
    question = _Question(
        target, days, ahead, policy.confidence_percent / 100, len(days.points) >= policy.minimum_days
    )
    found = _MEASURES[target.measure](question)
    if not found.gap and found.n < target.minimum_n:
        return Measurement(found.value, found.n, found.forecast, _too_few(found.n, target))
    return found


def _count(question: _Question) -> Measurement:
    days = question.days
    total = sum(_values(days.points), Decimal(0))
    expected = None
    if question.enough_days:
        expected = forecast.counts(int(total), len(days.points), question.ahead, question.confidence)
    return Measurement(total, len(days.points), expected)


def _amount(question: _Question) -> Measurement:
    total, expected = _summed(question)
    return Measurement(total, len(question.days.points), expected)


def _return(question: _Question) -> Measurement:
    total, expected = _summed(question)
    # The policy has an investment for every return, and for nothing else.
    investment = question.target.investment_usd or Decimal(1)
    return Measurement(
        _round(100 * (total - investment) / investment),
        len(question.days.points),
        expected and expected.scaled(100 / float(investment), -100),
    )


def _summed(question: _Question) -> tuple[Decimal, Interval | None]:
    values = _values(question.days.points)
    total = sum(values, Decimal(0))
    expected = None
    if question.enough_days:
        steps = [float(value) for value in values]
        expected = forecast.drift(float(total), steps, question.ahead, question.confidence)
    return total, expected


def _share(question: _Question) -> Measurement:
    return _counted(question.days.points, question)


def _latest_share(question: _Question) -> Measurement:
    newest, gap = _newest(question.days)
    found = _counted([newest], question)
    return Measurement(found.value, found.n, found.forecast, gap or found.gap)


def _counted(points: Sequence[DayValue], question: _Question) -> Measurement:
    successes, trials = _counts(points)
    if trials == 0:
        return Measurement(None, gap=_too_few(0, question.target))
    expected = forecast.share(successes, trials, question.confidence).scaled(100, 0)
    return Measurement(_round(Decimal(100 * successes) / trials), trials, expected)


def _ratio(question: _Question) -> Measurement:
    points = question.days.points
    above = [point.numerator or Decimal(0) for point in points]
    below = [point.denominator or Decimal(0) for point in points]
    whole = sum(below, Decimal(0))
    if whole == 0:
        return Measurement(None, gap=_too_few(0, question.target))
    expected = None
    if question.enough_days:
        expected = forecast.ratio(
            [float(value) for value in above], [float(value) for value in below], question.confidence
        ).scaled(100, 0)
    events = sum(point.n for point in points)
    return Measurement(_round(100 * sum(above, Decimal(0)) / whole), events, expected)


def _level(question: _Question) -> Measurement:
    points = question.days.points
    newest, gap = _newest(question.days)
    steps = [
        float((after.value or 0) - (before.value or 0)) / (after.day - before.day).days
        for before, after in pairwise(points)
    ]
    expected = None
    if question.enough_days and len(steps) > 1:
        expected = forecast.drift(float(newest.value or 0), steps, question.ahead, question.confidence)
    return Measurement(newest.value, newest.n, expected, gap)


def _increase(question: _Question) -> Measurement:
    before = question.days.before
    if before is None:
        return Measurement(
            None, gap=f"No value of {question.target.kpi} for the day before {question.days.first}"
        )
    newest, gap = _newest(question.days)
    now, then = _counts([newest]), _counts([before])
    if now[1] == 0 or then[0] == 0:
        return Measurement(
            None, gap=f"{now[0]} of {now[1]} now and {then[0]} of {then[1]} before have no ratio"
        )
    expected = forecast.relative_increase(now, then, question.confidence).scaled(100, 0)
    value = Decimal(100 * now[0] * then[1]) / (now[1] * then[0]) - 100
    return Measurement(_round(value), min(now[1], then[1]), expected, gap)


_MEASURES: Mapping[str, Callable[[_Question], Measurement]] = {
    "count": _count,
    "amount": _amount,
    "return": _return,
    "share": _share,
    "latest_share": _latest_share,
    "ratio": _ratio,
    "level": _level,
    "increase": _increase,
}


def _newest(days: Days) -> tuple[DayValue, str]:
    """Return the newest day, and what is wrong when it is not the day of the review."""
    newest = days.points[-1]
    return newest, "" if newest.day == days.last else f"The newest value is of {newest.day}, not {days.last}"


def _counts(points: Sequence[DayValue]) -> tuple[int, int]:
    return (
        int(sum(point.numerator or 0 for point in points)),
        int(sum(point.denominator or 0 for point in points)),
    )


def _values(points: Sequence[DayValue]) -> list[Decimal]:
    return [point.value for point in points if point.value is not None]


def _round(value: Decimal) -> Decimal:
    return value.quantize(_MICRO, ROUND_HALF_UP)


def _too_few(found: int, target: Target) -> str:
    return f"Based on {found} {target.sample_unit}; at least {target.minimum_n} needed"
