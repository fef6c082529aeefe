"""Is a revision healthy? The policy's metrics over one window, each against its trigger. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from scipy.stats import binomtest

from slipway.analysis.counts import Counts
from slipway.analysis.statistics.share_test import Limits
from slipway.policy.metrics import BandMetric, LevelMetric, Metric, QuantileMetric, ShareMetric, ZeroMetric


@dataclass(frozen=True)
class HealthLine:
    """What one metric says.

    :param metric: its key in the policy.
    :param healthy: None when there is too little evidence.
    :param reason: one line for people.
    """

    metric: str
    healthy: bool | None
    reason: str


def judge_health(
    metrics: Mapping[str, Metric], counts: Mapping[str, Counts], *, false_alarm_probability: float
) -> list[HealthLine]:
    """Judge a window of a revision's metrics.

    A share is unhealthy when it is over its trigger and chance does not explain it. A band and a level have
    no chance to weigh: outside the limit is unhealthy.

    :param metrics: the policy's metrics.
    :param counts: events of the window, by metric.
    :param false_alarm_probability: of a metric that is exactly at its trigger.
    :return: a line for each metric.
    """
    return [
        HealthLine(key, *_judged(metric, counts.get(key, Counts()), false_alarm_probability))
        for key, metric in metrics.items()
    ]


def late_regressions(
    metrics: Mapping[str, Metric], counts: Mapping[str, Counts], *, false_alarm_probability: float
) -> list[str]:
    """Say what of a promoted revision is over its rollback trigger, beyond chance; empty for nothing.

    Only metrics that roll back, and of these shares and counts that must be zero: a band and a level have no
    chance to weigh, and would be found outside their limits by a quiet night.

    :param metrics: the policy's metrics.
    :param counts: events of the window, by metric.
    :param false_alarm_probability: of a metric that is exactly at its trigger.
    :return: a line for each metric that is worse.
    """
    judged = {
        key: metric
        for key, metric in metrics.items()
        if isinstance(metric, ZeroMetric)
        or (isinstance(metric, ShareMetric | QuantileMetric) and metric.action == "rollback")
    }
    lines = judge_health(judged, counts, false_alarm_probability=false_alarm_probability)
    return [line.reason for line in lines if line.healthy is False]


def _judged(metric: Metric, counts: Counts, alpha: float) -> tuple[bool | None, str]:
    total = counts.total
    if total < metric.minimum_evidence:
        return None, f"{metric.title}: {total:.3g} {metric.unit}, too few to judge"
    if isinstance(metric, ShareMetric | QuantileMetric):
        limit = Limits.of(metric, null="strict").trigger
        share = counts.over_trigger / total
        worse = binomtest(round(counts.over_trigger), round(total), limit, alternative="greater")
        bad = bool(share > limit and worse.pvalue < alpha)
        of = "slow" if isinstance(metric, QuantileMetric) else "bad"
        words = f"{share:.2%} {of} of {total:.0f} {metric.unit} (trigger {limit:.2%})"
    elif isinstance(metric, BandMetric):
        percent = 100 * (1 - counts.over_target / total)
        bad = not metric.minimum_percent <= percent <= metric.maximum_percent
        words = f"{percent:.1f} % ({metric.minimum_percent:g} to {metric.maximum_percent:g} % required)"
    elif isinstance(metric, LevelMetric):
        bad = counts.over_trigger > 0
        words = f"{metric.figure(counts.over_target)} {metric.unit} (limit {metric.figure(metric.limit)})"
    else:
        bad = counts.over_trigger > 0
        words = f"{counts.over_trigger:.0f} {metric.unit} (none allowed)"
    return not bad, f"{metric.title}: {words}"
