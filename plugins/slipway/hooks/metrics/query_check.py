"""Every query of the policy, asked once before a release begins."""

from __future__ import annotations

import math
import string
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from slipway.exceptions import EvidenceUnusable, MetricsAnswerOdd, MetricsQueryInvalid, MetricsUnavailable
from slipway.hooks.metrics.reader import queries, series_name
from slipway.policy.metrics import LevelMetric, Metric

if TYPE_CHECKING:
    from slipway.hooks.metrics.promql import PromQLHook, Sample


def check_queries(
    hook: PromQLHook, metrics: Mapping[str, Metric], *, service: str, location: str, revisions: Sequence[str]
) -> list[str]:
    """Ask every query of the policy once, and refuse what no verdict can rest on.

    :param hook: PromQL hook.
    :param metrics: the policy's metrics.
    :param service: Cloud Run service name.
    :param location: its region.
    :param revisions: the revisions that serve.
    :return: the problems of metrics that only warn; they refuse nothing.
    :raises EvidenceUnusable: naming, for each problem, the metric, the query and what it answers.
    :raises MetricsUnavailable: when the source gives no answer for a metric that does more than warn.
    """
    fill = {"service": service, "location": location, "revisions": "|".join(revisions)}
    problems: dict[bool, list[str]] = {True: [], False: []}
    for key, metric in metrics.items():
        texts = {string.Template(text).substitute(fill) for text in queries(metric).values()}
        found = [problem for text in sorted(texts) for problem in _problems(hook, metric, text)]
        problems[metric.may_be_missing] += [f"metrics.{key}: {problem}" for problem in found]
    if problems[False]:
        raise EvidenceUnusable("\n".join(problems[False]))
    return problems[True]


def _problems(hook: PromQLHook, metric: Metric, text: str) -> Iterator[str]:
    try:
        samples = hook.query(text)
    except (MetricsQueryInvalid, MetricsAnswerOdd) as error:
        yield str(error)
        return
    except MetricsUnavailable as error:
        if not metric.may_be_missing:
            raise
        yield str(error)
        return
    if not isinstance(metric, LevelMetric):
        yield from _impossible(samples)


def _impossible(samples: Sequence[Sample]) -> Iterator[str]:
    for sample in samples:
        if not math.isfinite(sample.value) or sample.value < 0:
            yield f"{series_name(sample.labels)} is {sample.value:g}, which no counter can be"
