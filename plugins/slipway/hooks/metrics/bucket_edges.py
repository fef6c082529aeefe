"""Bucket edges of histograms: a latency limit can be judged exactly only where the histogram has one."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from slipway.exceptions import BucketEdgeMissing, MetricsQueryInvalid, MetricsUnavailable
from slipway.hooks.metrics.query_text import ONE_EDGE, filled_in
from slipway.policy.metrics import Metric, QuantileMetric

if TYPE_CHECKING:
    from slipway.hooks.cloud_run.address import ServiceAddress
    from slipway.hooks.metrics.promql import PromQLHook

_EVERY_EDGE = 'le!=""'


def check_bucket_edges(
    hook: PromQLHook, metrics: Mapping[str, Metric], *, service: ServiceAddress, revision: str
) -> dict[str, list[float]]:
    """Check that every limit of every quantile is a bucket edge, or that one stands in for it.

    :param hook: PromQL hook.
    :param metrics: the policy's metrics.
    :param service: where the service is.
    :param revision: revision whose histograms are checked.
    :return: the edges found per metric, in its ``bucket_unit``.
    :raises BucketEdgeMissing: naming, for each missing edge, the metric, the limit and the edges found.
    """
    found: dict[str, list[float]] = {}
    problems: list[str] = []
    for key, metric in metrics.items():
        if not isinstance(metric, QuantileMetric):
            continue
        query = filled_in(metric.buckets.replace(ONE_EDGE, _EVERY_EDGE), service, [revision])
        try:
            samples = hook.query(query)
        except (MetricsQueryInvalid, MetricsUnavailable):
            if metric.may_be_missing:
                continue
            raise
        edges = {float(sample.labels["le"]) for sample in samples}
        found[key] = sorted(edge for edge in edges if math.isfinite(edge))
        problems += _problems(key, metric.at_edges(found[key]), found[key], revision)
    if problems:
        raise BucketEdgeMissing("\n".join(problems))
    return found


def stood_in(metrics: Mapping[str, Metric], edges: Mapping[str, Sequence[float]]) -> Iterator[str]:
    """Yield, in words, the limits that are judged at a lower edge.

    :param metrics: the policy's metrics.
    :param edges: what :func:`check_bucket_edges` found.
    """
    for key, found in edges.items():
        metric = metrics[key]
        judged = metric.at_edges(found) if isinstance(metric, QuantileMetric) else None
        if judged is not None and judged.stated_seconds is not None:
            stated = " and ".join(f"{limit:g}" for limit in judged.stated_seconds)
            at = " and ".join(f"{limit:g}" for limit in judged.limits_seconds)
            yield f"{key}: limits of {stated} s are judged at the next lower bucket edges, {at} s"


def _problems(key: str, metric: QuantileMetric, edges: Sequence[float], revision: str) -> Iterator[str]:
    have = ", ".join(f"{edge:g}" for edge in edges) or "no series at all"
    for name, seconds in zip(("target_seconds", "trigger_seconds"), metric.limits_seconds, strict=True):
        if metric.edge(seconds) not in edges:
            yield (
                f"metrics.{key}.{name}={seconds:g}: the histogram of revision {revision} has no bucket "
                f"edge at {metric.edge(seconds):g} {metric.bucket_unit}; it has {have}. "
                "Add that edge to the histogram, or set the limit to one of its edges"
            )
