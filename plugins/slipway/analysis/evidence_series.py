"""The evidence of a phase over time, per metric: what a plot of it shows."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate

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


def series_of(record: EvidenceRecord, policy: Policy, *, moments: int | None = None) -> list[Series]:
    """Return every metric that the record and the policy both have, in the record's order.

    Shares and bands are those of the policy's ``comparison_seconds`` up to each check; levels and counts that
    must stay zero are what they are at it. A quantile with two limits has a series for each.

    :param record: the phase's evidence.
    :param policy: the policy of the release.
    :param moments: the most moments of each, evenly chosen, the newest among them; None for every one.
    """
    window = policy.decision.comparison_seconds
    answered = [check for check in record.checks() if not isinstance(check[1], str)]
    made = []
    for key in record.metrics:
        metric = policy.metrics.get(key)
        if metric is None:
            continue
        canary: list[_Check] = []
        stable: list[_Check] = []
        for at, of_canary, of_stable in answered:
            if not isinstance(of_canary, str) and key in of_canary:
                canary.append((at, of_canary[key]))
                stable.append((at, of_stable[key]))
        made.append(_with_points(_empty(key, metric, window), metric, (canary, stable), window, moments))
        if isinstance(metric, QuantileMetric) and metric.target_seconds != metric.trigger_seconds:
            above = _over_trigger(canary), _over_trigger(stable)
            made.append(_with_points(_trigger_series(key, metric, window), metric, above, window, moments))
    return made


def _with_points(
    series: Series, metric: Metric, arms: Sequence[Sequence[_Check]], window: float, moments: int | None
) -> Series:
    """Return a series with its points: a moment that is left out needs no interval, which takes longest."""
    counted = [_counted(metric, arm, window) for arm in arms]
    if moments is not None:
        found = sorted({at for arm in counted for at, _ in arm}, reverse=True)
        kept = set(found[:: max(1, -(-len(found) // moments))])
        counted = [[check for check in arm if check[0] in kept] for arm in counted]
    point = _point(metric)
    canary, stable = ([point(at, counts) for at, counts in arm] for arm in counted)
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


def _trigger_series(key: str, metric: QuantileMetric, window: float) -> Series:
    return Series(
        f"{key}/trigger",
        f"{metric.title} (trigger)",
        f"% of {metric.unit} over {metric.trigger_seconds:g} s, last {window:g} s",
        trigger=100 - metric.quantile_percent,
    )


def _over_trigger(checks: Sequence[_Check]) -> list[_Check]:
    return [(at, Counts(counts.total, counts.over_trigger, counts.over_trigger)) for at, counts in checks]


def _counted(metric: Metric, checks: Sequence[_Check], window: float) -> list[_Check]:
    """Return what the points of a metric are of, without the moments that have none."""
    if isinstance(metric, LevelMetric):
        return [found for found in checks if found[1].total > 0 and math.isfinite(found[1].over_target)]
    if isinstance(metric, ShareMetric | QuantileMetric | BandMetric):
        return list(_trailing(checks, window))
    seen, total = [], 0.0
    for at, counts in checks:
        total += counts.over_trigger
        if counts.total > 0:
            seen.append((at, Counts(over_target=total)))
    return seen


def _trailing(checks: Sequence[_Check], window: float) -> Iterator[_Check]:
    """Yield the events of the last seconds up to each check."""
    totals = [0.0, *accumulate(counts.total for _, counts in checks)]
    bad = [0.0, *accumulate(counts.over_target for _, counts in checks)]
    first = 0
    for number, (at, _) in enumerate(checks, start=1):
        while checks[first][0] <= at - window:
            first += 1
        total, over = totals[number] - totals[first], bad[number] - bad[first]
        if total > 0 and 0 <= over <= total:
            yield at, Counts(total, over)


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
