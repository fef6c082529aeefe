"""Every query of the policy, asked once before a release begins."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from slipway.analysis.doubled_series import DoubledSeries
from slipway.exceptions import EvidenceUnusable, MetricsAnswerOdd, MetricsQueryInvalid, MetricsUnavailable
from slipway.hooks.metrics.query_text import filled_in, queries
from slipway.hooks.metrics.reader import labelled, series_name
from slipway.policy.metrics import LevelMetric, Metric, ZeroMetric

if TYPE_CHECKING:
    from slipway.hooks.cloud_run.address import ServiceAddress
    from slipway.hooks.metrics.promql import PromQLHook, Sample

_EARLIER_SECONDS = (240, 120)


def check_queries(
    hook: PromQLHook, metrics: Mapping[str, Metric], *, service: ServiceAddress, revisions: Sequence[str]
) -> list[str]:
    """Ask every query of the policy once, and refuse what no verdict can rest on.

    :param hook: PromQL hook.
    :param metrics: the policy's metrics.
    :param service: where the service is.
    :param revisions: the revisions that serve.
    :return: the problems of metrics that only warn; they refuse nothing.
    :raises EvidenceUnusable: naming, for each problem, the metric, the query and what it answers.
    :raises MetricsUnavailable: when the source gives no answer for a metric that does more than warn.
    """
    problems: dict[bool, list[str]] = {True: [], False: []}
    for key, metric in metrics.items():
        texts = {filled_in(text, service, revisions) for text in queries(metric).values()}
        found = [problem for text in sorted(texts) for problem in _problems(hook, metric, text)]
        problems[metric.may_be_missing] += [f"metrics.{key}: {problem}" for problem in found]
    if problems[False]:
        raise EvidenceUnusable("\n".join(problems[False]))
    return problems[True]


def _problems(hook: PromQLHook, metric: Metric, text: str) -> list[str]:
    try:
        return list(_found(hook, metric, text))
    except (MetricsQueryInvalid, MetricsAnswerOdd) as error:
        return [str(error)]
    except MetricsUnavailable as error:
        if not metric.may_be_missing:
            raise
        return [str(error)]


def _found(hook: PromQLHook, metric: Metric, text: str) -> Iterator[str]:
    samples = hook.query(text)
    nobodys = [sample for sample in samples if sample.value and "revision_name" not in sample.labels]
    if nobodys:
        yield f"{text}: {len(nobodys)} series without the label revision_name, so that no revision has them"
    if isinstance(metric, LevelMetric):
        return
    yield from _impossible(samples)
    if not isinstance(metric, ZeroMetric):
        yield from _doubled(hook, text, samples)
    elif not samples:
        yield (
            f"{text}: no series at the revisions that serve; a counter that must stay zero must be exported"
            " at 0 from the start of every instance"
        )


def _impossible(samples: Sequence[Sample]) -> Iterator[str]:
    for sample in samples:
        if not math.isfinite(sample.value) or sample.value < 0:
            yield f"{series_name(sample.labels)} is {sample.value:g}, which no counter can be"


def _doubled(hook: PromQLHook, text: str, samples: Sequence[Sample]) -> Iterator[str]:
    """Name what is counted twice, now and in the minutes before: a chance does not last."""
    if len(samples) < 2:
        return
    now = samples[0].timestamp
    earlier = [hook.query(text, time=now - seconds) for seconds in _EARLIER_SECONDS]
    for revision in sorted({sample.labels.get("revision_name", "") for sample in samples}):
        doubled = DoubledSeries()
        found = [doubled.found(labelled(answer, revision)) for answer in (*earlier, samples)]
        if found[-1]:
            yield found[-1]
