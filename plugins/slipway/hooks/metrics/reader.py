"""Reads the policy's metrics for two revisions and turns them into increments."""

from __future__ import annotations

import asyncio
import string
from collections.abc import Mapping, Sequence

from slipway.analysis.counts import Counts, Reading
from slipway.analysis.metric_counts import MetricCounts
from slipway.hooks.metrics.bucket_edges import bucket_query
from slipway.hooks.metrics.promql import PromQLHook, Sample
from slipway.policy.metrics import BandMetric, LevelMetric, Metric, QuantileMetric, ShareMetric

_ASKED_FOR = frozenset({"__name__", "location", "monitored_resource", "revision_name", "service_name"})


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
        self._counts = {
            (revision, key): MetricCounts(metric) for revision in revisions for key, metric in metrics.items()
        }

    async def read(self, *, at: float) -> list[dict[str, Counts]]:
        """Return, per revision, the events of each metric between the last reading and this one.

        The first reading is the starting point: it gives no events. Each reading is of a stated moment, so
        the same moments give the same counts whenever they are read.

        :param at: moment, seconds since the epoch.
        :raises MetricsUnavailable: when the source gives no usable answer to one of the queries; then nothing
            is counted, and the next reading covers the gap.
        """
        texts_by_part = {
            key: {
                part: string.Template(template).substitute(self._fill)
                for part, template in queries(metric).items()
            }
            for key, metric in self._metrics.items()
        }
        texts = sorted({text for parts in texts_by_part.values() for text in parts.values()})
        found_now = await asyncio.gather(*(self._hook.aquery(text, time=at) for text in texts))
        answers = dict(zip(texts, found_now, strict=True))
        return [
            {
                key: self._counts[revision, key].since(
                    {part: _of_revision(answers[text], revision) for part, text in parts.items()}, at=at
                )
                for key, parts in texts_by_part.items()
            }
            for revision in self._revisions
        ]


def _of_revision(samples: Sequence[Sample], revision: str) -> Reading:
    return {
        series_name(sample.labels): sample.value
        for sample in samples
        if sample.labels.get("revision_name") == revision
    }


def series_name(labels: Mapping[str, str]) -> str:
    """Name a series as PromQL writes it, without the labels that the query asks for.

    :param labels: of the series.
    """
    shown = ",".join(f'{name}="{labels[name]}"' for name in sorted(labels.keys() - _ASKED_FOR))
    return f"{labels.get('__name__', '')}{{{shown}}}"
