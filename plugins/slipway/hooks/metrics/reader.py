"""Reads the policy's metrics for two revisions and turns them into increments."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from slipway.analysis.counts import Counts, Reading
from slipway.analysis.doubled_series import DoubledSeries, Labelled, written
from slipway.analysis.metric_counts import MetricCounts
from slipway.exceptions import MetricsQueryInvalid, MetricsUnavailable, SlipwayError
from slipway.hooks.metrics.promql import PromQLHook, Sample
from slipway.hooks.metrics.query_text import filled_in, queries
from slipway.policy.metrics import BandMetric, Metric, QuantileMetric, ShareMetric

if TYPE_CHECKING:
    from slipway.hooks.cloud_run.address import ServiceAddress

_ASKED_FOR = frozenset({"monitored_resource", "revision_name", "service_name"})
#: Longest reason that is kept of a query that was not answered.
_REASON = 300
_WINDOW_STEPS = 4


@dataclass(frozen=True)
class _Arrived:
    """What a query answers about one revision.

    :param reading: value by the name of the series.
    :param twice: how many series answer twice under the same labels.
    :param doubled: what is counted twice; empty when nothing is.
    """

    reading: Reading
    twice: int
    doubled: str


#: What a query answers about each revision, or why it does not.
_Answer = dict[str, _Arrived] | SlipwayError


class MetricReader:
    """Reads every metric of a policy for one service, and keeps the last reading.

    :param hook: PromQL hook.
    :param metrics: the policy's metrics.
    :param service: where the service is.
    :param revisions: the revisions to compare, the new one first.
    """

    def __init__(
        self,
        hook: PromQLHook,
        metrics: Mapping[str, Metric],
        *,
        service: ServiceAddress,
        revisions: Sequence[str],
    ) -> None:
        self._hook = hook
        self._metrics = metrics
        self._revisions = revisions
        self._texts = {
            key: {part: filled_in(text, service, revisions) for part, text in queries(metric).items()}
            for key, metric in metrics.items()
        }
        self._doubled: dict[tuple[str, str], DoubledSeries] = defaultdict(DoubledSeries)
        self._counts = {
            (revision, key): MetricCounts(metric) for revision in revisions for key, metric in metrics.items()
        }

    async def read(self, *, at: float, keys: Collection[str] | None = None) -> list[dict[str, Counts]]:
        """Return, per revision, the events of each metric between the last reading and this one.

        The first reading is the starting point: it gives no events. Each reading is of a stated moment, so
        the same moments give the same counts whenever they are read. A metric for which one of its queries
        gives no usable answer has counts that are ``unanswered``; its next reading covers the gap.

        :param at: moment, seconds since the epoch; never before that of the metrics' last reading.
        :param keys: the metrics to read; None reads all.
        :raises MetricsUnavailable: when the source gives no usable answer to any query.
        """
        texts = {key: parts for key, parts in self._texts.items() if keys is None or key in keys}
        answers = await self._answers(texts, at)
        refused = [answer for answer in answers.values() if isinstance(answer, SlipwayError)]
        if refused and len(refused) == len(answers):
            raise MetricsUnavailable(str(refused[0])) from refused[0]
        counts: list[dict[str, Counts]] = [{} for _ in self._revisions]
        for key, parts in texts.items():
            found = {part: answers[text] for part, text in parts.items()}
            # Stable first: a new revision's first events are possible at its pace.
            for revision, of_metric in reversed(list(zip(self._revisions, counts, strict=True))):
                of_metric[key] = self._count(key, revision, found, at)
        return counts

    async def read_window(self, *, began: float, ended: float) -> list[list[dict[str, Counts]]]:
        """Return what :meth:`read` does at five moments of a window; the first is its starting point.

        Only the pace between several readings tells an old counter from one that began just now.

        :param began: begin of the window, seconds since the epoch.
        :param ended: its end; the source must have all of it.
        :raises MetricsUnavailable: when the source gives no usable answer to any query.
        """
        step = (ended - began) / _WINDOW_STEPS
        return [await self.read(at=began + number * step) for number in range(_WINDOW_STEPS + 1)]

    async def _answers(self, by_metric: Mapping[str, Mapping[str, str]], at: float) -> dict[str, _Answer]:
        """Ask every query once; an error stands in the place of its answer."""
        texts = sorted({text for parts in by_metric.values() for text in parts.values()})
        answers = await asyncio.gather(*(self._answer(text, at) for text in texts))
        return dict(zip(texts, answers, strict=True))

    async def _answer(self, text: str, at: float) -> _Answer:
        try:
            samples = await self._hook.aquery(text, time=at)
        except (MetricsUnavailable, MetricsQueryInvalid) as error:
            return error
        return {revision: self._arrived(text, revision, samples) for revision in self._revisions}

    def _arrived(self, text: str, revision: str, samples: Sequence[Sample]) -> _Arrived:
        series = labelled(samples, revision)
        reading = {series_name(labels): value for labels, value in series}
        return _Arrived(reading, len(series) - len(reading), self._doubled[revision, text].found(series))

    def _count(self, key: str, revision: str, found: Mapping[str, _Answer], at: float) -> Counts:
        readings: dict[str, Reading] = {}
        for part, answer in found.items():
            if isinstance(answer, SlipwayError):
                return Counts(unanswered=str(answer)[:_REASON])
            arrived = answer[revision]
            if arrived.twice:
                return Counts(unanswered=f"{arrived.twice} series answer twice under the same labels")
            if arrived.doubled and isinstance(self._metrics[key], ShareMetric | QuantileMetric | BandMetric):
                return Counts(odd=arrived.doubled)
            readings[part] = arrived.reading
        pace = max(self._counts[other, key].pace for other in self._revisions)
        return self._counts[revision, key].since(readings, at=at, pace=pace)


def labelled(samples: Sequence[Sample], revision: str) -> list[Labelled]:
    """Return the labels and the value of each series of a revision.

    :param samples: the answer to a query.
    :param revision: name of the revision.
    """
    return [
        (sample.labels, sample.value) for sample in samples if sample.labels.get("revision_name") == revision
    ]


def series_name(labels: Mapping[str, str]) -> str:
    """Name a series as PromQL writes it, without the labels that the query asks for.

    :param labels: of the series.
    """
    return written({name: value for name, value in labels.items() if name not in _ASKED_FOR})
