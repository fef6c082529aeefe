"""Reads the policy's metrics for two revisions and turns them into increments."""

from __future__ import annotations

import asyncio
import string
from collections.abc import Mapping, Sequence

from slipway.analysis.counts import Counts, Increments, Reading
from slipway.hooks.metrics.bucket_edges import bucket_query
from slipway.hooks.metrics.promql import PromQLHook, Sample
from slipway.policy.metrics import BandMetric, LevelMetric, Metric, QuantileMetric, ShareMetric


def queries(metric: Metric) -> dict[str, str]:
    """Return the PromQL templates of a metric, by the part of :class:`Counts` that they feed.

    A part that begins with ``within_`` is subtracted from the total; ``level`` is a level, not a counter.

    :param metric: of the policy.
    :return: templates by part.
    """
    if isinstance(metric, ShareMetric):
        return {"total": metric.total, "over_target": metric.bad, "over_trigger": metric.bad}
    if isinstance(metric, QuantileMetric):
        target, trigger = (bucket_query(metric, seconds) for seconds in metric.limits_seconds)
        return {"total": metric.total, "within_target": target, "within_trigger": trigger}
    if isinstance(metric, BandMetric):
        return {"total": metric.whole, "over_target": metric.part}
    if isinstance(metric, LevelMetric):
        return {"level": metric.value}
    return {"over_trigger": metric.count}


class MetricReader:
    """Reads every metric of a policy for one service, and keeps the last reading.

    :param hook: PromQL hook.
    :param metrics: the policy's metrics.
    :param service: Cloud Run service name.
    :param location: its region.
    :param revisions: the revisions to compare, the new one first.
    """

    def __init__(
        self,
        hook: PromQLHook,
        metrics: Mapping[str, Metric],
        *,
        service: str,
        location: str,
        revisions: Sequence[str],
    ) -> None:
        self._hook = hook
        self._metrics = metrics
        self._fill = {"service": service, "location": location, "revisions": "|".join(revisions)}
        self._revisions = revisions
        self._increments: dict[tuple[str, str, str], Increments] = {}

    async def read(self, *, at: float) -> list[dict[str, Counts]]:
        """Return, per revision, the events of each metric between the last reading and this one.

        The first reading is the starting point: it gives no events. Each reading is of a stated moment, so
        the same moments give the same counts whenever they are read.

        :param at: moment, seconds since the epoch.
        :raises MetricsUnavailable: when the source gives no usable answer to one of the queries; then nothing
            is counted, and the next reading covers the gap.
        """
        texts_by_part = {
            (key, part): string.Template(template).substitute(self._fill)
            for key, metric in self._metrics.items()
            for part, template in queries(metric).items()
        }
        texts = sorted(set(texts_by_part.values()))
        found_now = await asyncio.gather(*(self._hook.aquery(text, time=at) for text in texts))
        answers = dict(zip(texts, found_now, strict=True))
        first = not self._increments
        counts = []
        for revision in self._revisions:
            found: dict[str, dict[str, float]] = {key: {} for key in self._metrics}
            for (key, part), text in texts_by_part.items():
                reading = _of_revision(answers[text], revision)
                metric = self._metrics[key]
                if isinstance(metric, LevelMetric):
                    # A level has no increments, and its first reading counts.
                    over = sum(value > metric.limit for value in reading.values())
                    highest = max(reading.values(), default=0.0)
                    found[key] |= {"series": len(reading), "over_target": highest, "over_trigger": over}
                    continue
                if part.startswith("within_") and not reading:
                    # Without the bucket every request would count as slow: it is no evidence instead.
                    found[key]["no_bucket"] = 1
                increments = self._increments.setdefault((revision, key, part), Increments())
                found[key][part] = increments.since(reading)
                if part == "over_trigger" and len(queries(metric)) == 1:
                    found[key]["series"] = len(reading)
            levels = {key for key, metric in self._metrics.items() if isinstance(metric, LevelMetric)}
            counts.append(
                {
                    key: Counts() if first and key not in levels else _counts(parts)
                    for key, parts in found.items()
                }
            )
        return counts


def _of_revision(samples: Sequence[Sample], revision: str) -> Reading:
    return {
        repr(sorted(sample.labels.items())): sample.value
        for sample in samples
        if sample.labels.get("revision_name") == revision
    }


def _counts(parts: Mapping[str, float]) -> Counts:
    if "no_bucket" in parts:
        return Counts()
    if "series" in parts:
        return Counts(parts["series"], parts.get("over_target", 0), parts["over_trigger"])
    if "within_target" in parts:
        total = parts["total"]
        return Counts(total, total - parts["within_target"], total - parts["within_trigger"])
    return Counts(parts["total"], parts.get("over_target", 0), parts.get("over_trigger", 0))
