"""The texts of a metric's queries: PromQL of the policy, with what it leaves open filled in."""

from __future__ import annotations

import string
from collections.abc import Sequence
from typing import TYPE_CHECKING

from slipway.policy.metrics import BandMetric, LevelMetric, Metric, QuantileMetric, ShareMetric

if TYPE_CHECKING:
    from slipway.hooks.cloud_run.address import ServiceAddress

ONE_EDGE = 'le="$le"'


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


def filled_in(text: str, service: ServiceAddress, revisions: Sequence[str]) -> str:
    """Return a query of the policy for revisions of a service.

    :param text: PromQL with ``$project``, ``$location``, ``$service`` and ``$revisions``, or some of them.
    :param service: where the service is.
    :param revisions: names of the revisions.
    """
    return string.Template(text).substitute(
        project=service.project_id,
        location=service.location,
        service=service.service,
        revisions="|".join(revisions),
    )


def bucket_query(metric: QuantileMetric, seconds: float) -> str:
    """Return the query for the requests up to a limit, whether the source spells its edge ``2`` or ``2.0``.

    :param metric: a quantile of the policy.
    :param seconds: the limit.
    :return: PromQL, with ``$project``, ``$location``, ``$service`` and ``$revisions`` left in.
    """
    edge = metric.edge(seconds)
    spellings = dict.fromkeys((str(int(edge)), repr(float(edge))) if edge == int(edge) else (repr(edge),))
    matched = "|".join(spelling.replace(".", r"\\.") for spelling in spellings)
    return metric.buckets.replace(ONE_EDGE, f'le=~"{matched}"')
