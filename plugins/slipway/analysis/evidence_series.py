"""The evidence of a phase over time, per metric: what a plot of it shows."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from slipway.analysis.counts import Counts
from slipway.analysis.evidence_record import EvidenceRecord
from slipway.analysis.statistics.wilson import wilson_interval
from slipway.policy.metrics import BandMetric, LevelMetric, Metric, QuantileMetric, ShareMetric
from slipway.policy.release import Policy

_CONFIDENCE = 0.95

_Check = tuple[float, Counts]


@dataclass(frozen=True)
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


def series_of(record: EvidenceRecord, policy: Policy) -> list[Series]:
    """Return every metric that the record and the policy both have, in the record's order.

    Shares and bands are those of the policy's ``comparison_seconds`` up to each check; levels and counts that
    must stay zero are what they are at it. A quantile with two limits has a series for each.

    :param record: the phase's evidence.
    :param policy: the policy of the release.
    """
    window = policy.decision.comparison_seconds
    made = []
    for key in record.metrics:
        metric = policy.metrics.get(key)
        if metric is None:
            continue
        checks: tuple[list[_Check], list[_Check]] = ([], [])
        for at, canary, stable in record.checks():
            if not isinstance(canary, str) and key in canary:
                checks[0].append((at, canary[key]))
                checks[1].append((at, stable[key]))
        series = _empty(key, metric, window)
        series.canary, series.stable = (_points(metric, arm, window) for arm in checks)
        made.append(series)
        if isinstance(metric, QuantileMetric) and metric.target_seconds != metric.trigger_seconds:
            made.append(_over_trigger(key, metric, checks, window))
    return made


def thinned(series: Series, moments: int) -> Series:
    """Return a series at fewer moments, evenly chosen, the newest always among them.

    :param series: the series.
    :param moments: the most that are kept.
    """
    found = sorted({point.at for point in (*series.canary, *series.stable)}, reverse=True)
    kept = set(found[:: max(1, -(-len(found) // moments))])
    canary, stable = ([point for point in arm if point.at in kept] for arm in (series.canary, series.stable))
    return replace(series, canary=canary, stable=stable)


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


def _over_trigger(
    key: str, metric: QuantileMetric, checks: tuple[Sequence[_Check], Sequence[_Check]], window: float
) -> Series:
    series = Series(
        f"{key}/trigger",
        f"{metric.title} (trigger)",
        f"% of {metric.unit} over {metric.trigger_seconds:g} s, last {window:g} s",
        trigger=100 - metric.quantile_percent,
    )
    series.canary, series.stable = (
        _points(metric, [(at, Counts(c.total, c.over_trigger, c.over_trigger)) for at, c in arm], window)
        for arm in checks
    )
    return series


def _points(metric: Metric, checks: Sequence[_Check], window: float) -> list[EvidencePoint]:
    if isinstance(metric, LevelMetric):
        levels = [(at, counts.over_target) for at, counts in checks if counts.total > 0]
        return [_exact(at, level) for at, level in levels if math.isfinite(level)]
    if isinstance(metric, ShareMetric | QuantileMetric | BandMetric):
        return list(_trailing(checks, window, _share(metric)))
    seen, total = [], 0.0
    for at, counts in checks:
        total += counts.over_trigger
        if counts.total > 0:
            seen.append(_exact(at, total))
    return seen


def _trailing(
    checks: Sequence[_Check], window: float, point: Callable[[float, Counts], EvidencePoint]
) -> list[EvidencePoint]:
    points, first, sums = [], 0, Counts()
    for at, counts in checks:
        sums = sums + counts
        while checks[first][0] <= at - window:
            gone = checks[first][1]
            sums = sums + Counts(-gone.total, -gone.over_target, -gone.over_trigger)
            first += 1
        if sums.total > 0 and 0 <= sums.over_target <= sums.total:
            points.append(point(at, sums))
    return points


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
