"""The evidence of a phase over time, per metric: what a plot of it shows."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from slipway.analysis.counts import Counts
from slipway.analysis.evidence_record import EvidenceRecord
from slipway.analysis.statistics.wilson import wilson_interval
from slipway.policy.metrics import BandMetric, LevelMetric, Metric, QuantileMetric, ShareMetric
from slipway.policy.release import Policy

_CONFIDENCE = 0.95

_Counter = Callable[[float, Counts], Counts | None]


@dataclass(frozen=True, slots=True)
class EvidencePoint:
    """What one revision showed at one check.

    :param at: seconds since the first check.
    :param value: in the series' unit.
    :param low: lower end of the 95 % interval, or the value itself where it is no share of events.
    :param high: upper end.
    """

    at: float
    value: float
    low: float
    high: float


@dataclass
class Series:
    """One metric over a phase.

    :param unit: of the values, for the axis.
    :param target: limit that a promotion must keep; None without one.
    :param trigger: limit that a rollback needs; None without one.
    :param band: lowest and highest value required; None without a band.
    :param canary: the new revision's points; stable's are in ``stable``.
    """

    key: str
    title: str
    unit: str
    target: float | None = None
    trigger: float | None = None
    band: tuple[float, float] | None = None
    canary: list[EvidencePoint] = field(default_factory=list)
    stable: list[EvidencePoint] = field(default_factory=list)


class GrowingSeries:
    """The series of a bake as its checks come: one more check costs the same however many there were.

    Shares and bands are those of the policy's ``comparison_seconds`` up to each check; levels and counts that
    must stay zero are what they are at it. A quantile with two limits has a series for each.

    :param metrics: keys of the metrics in their order; those that the policy does not have are left out.
    :param policy: the policy of the release.
    :param moments: the most moments of each series, evenly spread, the newest among them; None for every one.
    """

    def __init__(self, metrics: Sequence[str], policy: Policy, *, moments: int | None = None) -> None:
        window = policy.decision.comparison_seconds
        self._lines: dict[str, list[_Line]] = {}
        for key in metrics:
            if (metric := policy.metrics.get(key)) is None:
                continue
            lines = [_Line(_empty(key, metric, window), metric, window, moments)]
            if isinstance(metric, QuantileMetric) and metric.target_seconds != metric.trigger_seconds:
                above = _trigger_series(key, metric, window)
                lines.append(_Line(above, metric, window, moments, of_trigger=True))
            self._lines[key] = lines

    def add(self, at: float, canary: Mapping[str, Counts], stable: Mapping[str, Counts]) -> None:
        """Add a check; never one before the last.

        :param at: seconds since the first check.
        :param canary: events of the new revision, of the metrics that this check reads.
        :param stable: events of the stable one, of the same.
        """
        for key, lines in self._lines.items():
            if key in canary:
                for line in lines:
                    line.add(at, canary[key], stable[key])

    def series(self) -> list[Series]:
        """Return every series up to the last check."""
        return [line.series() for lines in self._lines.values() for line in lines]


def series_of(record: EvidenceRecord, policy: Policy, *, moments: int | None = None) -> list[Series]:
    """Return every metric that the record and the policy both have, as :class:`GrowingSeries` does.

    :param record: the phase's evidence.
    :param policy: the policy of the release.
    :param moments: the most moments of each series; None for every one.
    """
    growing = GrowingSeries(record.metrics, policy, moments=moments)
    for at, canary, stable in record.checks():
        if not isinstance(canary, str):
            growing.add(at, canary, stable)
    return growing.series()


class _Line:
    """One series that grows. When it has too many moments, every second one goes."""

    def __init__(
        self, empty: Series, metric: Metric, window: float, moments: int | None, *, of_trigger: bool = False
    ) -> None:
        self._empty, self._moments, self._of_trigger = empty, moments, of_trigger
        self._arms = _counter(metric, window), _counter(metric, window)
        self._point = _point(metric)
        self._points: list[tuple[int, EvidencePoint | None, EvidencePoint | None]] = []
        self._number, self._every = 0, 1

    def add(self, at: float, canary: Counts, stable: Counts) -> None:
        of_canary, of_stable = self._arms
        found = self._found(of_canary, at, canary), self._found(of_stable, at, stable)
        if not any(found):
            return
        if self._points and self._points[-1][0] % self._every:
            # It was there as the newest.
            self._points.pop()
        self._points.append((self._number, *found))
        self._number += 1
        if self._moments is not None and len(self._points) > self._moments:
            self._every *= 2
            *others, newest = self._points
            self._points = [*(point for point in others if point[0] % self._every == 0), newest]

    def _found(self, count: _Counter, at: float, counts: Counts) -> EvidencePoint | None:
        if self._of_trigger:
            counts = Counts(counts.total, counts.over_trigger, counts.over_trigger)
        counted = count(at, counts)
        return None if counted is None else self._point(at, counted)

    def series(self) -> Series:
        canary = [point for _, point, _ in self._points if point]
        return replace(self._empty, canary=canary, stable=[point for *_, point in self._points if point])


def _empty(key: str, metric: Metric, window: float) -> Series:
    window_words = f"last {window:g} s"
    if isinstance(metric, ShareMetric):
        kind = "bad" if metric.direction == "lower" else "good"
        unit = f"% {kind} of {metric.unit}, {window_words}"
        return Series(key, metric.title, unit, metric.target_percent, metric.trigger_percent)
    if isinstance(metric, QuantileMetric):
        allowed = 100 - metric.quantile_percent
        unit = f"% of {metric.unit} over {metric.target_seconds:g} s, {window_words}"
        return Series(key, metric.title, unit, target=allowed, trigger=_same_limit(metric))
    if isinstance(metric, BandMetric):
        band = metric.minimum_percent, metric.maximum_percent
        return Series(key, metric.title, f"% of {metric.unit}, {window_words}", band=band)
    if isinstance(metric, LevelMetric):
        return Series(key, metric.title, metric.unit, target=metric.limit)
    return Series(key, metric.title, f"{metric.unit}, in all", trigger=0)


def _same_limit(metric: QuantileMetric) -> float | None:
    return 100 - metric.quantile_percent if metric.target_seconds == metric.trigger_seconds else None


def _trigger_series(key: str, metric: QuantileMetric, window: float) -> Series:
    return Series(
        f"{key}/trigger",
        f"{metric.title} (trigger)",
        f"% of {metric.unit} over {metric.trigger_seconds:g} s, last {window:g} s",
        trigger=100 - metric.quantile_percent,
    )


def _counter(metric: Metric, window: float) -> _Counter:
    """Return what makes of each check the counts that its point is of; None for a check that has no point."""
    if isinstance(metric, LevelMetric):
        return _level
    if isinstance(metric, ShareMetric | QuantileMetric | BandMetric):
        return _trailing(window)
    return _in_all()


def _level(_at: float, counts: Counts) -> Counts | None:
    return counts if counts.total > 0 and math.isfinite(counts.over_target) else None


def _in_all() -> _Counter:
    total = 0.0

    def count(_at: float, counts: Counts) -> Counts | None:
        nonlocal total
        total += counts.over_trigger
        return Counts(over_target=total) if counts.total > 0 else None

    return count


def _trailing(window: float) -> _Counter:
    """Return what counts the events of the last seconds up to each check."""
    before: deque[tuple[float, float, float]] = deque()
    total = bad = 0.0

    def count(at: float, counts: Counts) -> Counts | None:
        nonlocal total, bad
        before.append((at, total, bad))
        total, bad = total + counts.total, bad + counts.over_target
        while before[0][0] <= at - window:
            before.popleft()
        events, over = total - before[0][1], bad - before[0][2]
        return Counts(events, over) if events > 0 and 0 <= over <= events else None

    return count


def _point(metric: Metric) -> Callable[[float, Counts], EvidencePoint]:
    if isinstance(metric, ShareMetric | QuantileMetric | BandMetric):
        return _share(metric)
    return lambda at, counts: _exact(at, counts.over_target)


def _share(metric: ShareMetric | QuantileMetric | BandMetric) -> Callable[[float, Counts], EvidencePoint]:
    counts_good = isinstance(metric, BandMetric) or (
        isinstance(metric, ShareMetric) and metric.direction == "higher"
    )

    def point(at: float, sums: Counts) -> EvidencePoint:
        counted = sums.total - sums.over_target if counts_good else sums.over_target
        value = 100 * counted / sums.total
        if isinstance(metric, BandMetric):
            return _exact(at, value)
        low, high = wilson_interval(counted, sums.total, confidence=_CONFIDENCE)
        return EvidencePoint(at, value, 100 * low, 100 * high)

    return point


def _exact(at: float, value: float) -> EvidencePoint:
    return EvidencePoint(at, value, value, value)
