"""A product's metrics as Prometheus alert rules: for the time after a release, when a person decides."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from slipway.hooks.metrics.query_text import ONE_EDGE, filled_in
from slipway.policy.metrics import LevelMetric, Metric, QuantileMetric, ShareMetric, ZeroMetric
from slipway.release.address import service_address

if TYPE_CHECKING:
    from slipway.policy.release import Policy

_BY = "service_name, revision_name"
_SELECTOR = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*\{[^{}]*\}")
_RATE, _NO_DATA, _ZERO = "5m", "10m", "1h"


def alert_rules(policy: Policy) -> dict[str, Any]:
    """Return the alerts of a product: each metric past its limit, by revision, and each that counts nothing.

    They are about the progressive service, whose metrics the policy has.

    :param policy: the product's policy.
    :return: a file of Prometheus rules.
    """
    rules = [rule for key, metric in policy.metrics.items() for rule in _rules(policy, key, metric)]
    return {"groups": [{"name": f"release_triggers_{policy.name}", "interval": "15s", "rules": rules}]}


def _rules(policy: Policy, key: str, metric: Metric) -> Iterator[dict[str, Any]]:
    address = service_address(policy, policy.services[policy.progressive_service].names["production"])

    def fill(text: str) -> str:
        return filled_in(text, address, [".+"])

    counted, past, words = _limit(metric, fill)
    labels = {"product": policy.name, "severity": metric.severity}
    rolls_back = isinstance(metric, ZeroMetric) or getattr(metric, "action", None) == "rollback"
    yield {
        "alert": key,
        "expr": past,
        **({} if isinstance(metric, ZeroMetric) else {"for": "2m"}),
        "labels": labels | ({"action": "rollback"} if rolls_back else {}),
        "annotations": {
            "summary": f"{{{{ $labels.revision_name }}}}: {metric.title}: {words}",
            "description": f"Past the limit of metrics.{key} in the policy of {policy.name}.",
            "runbook": "docs/alerts.md#rollback-triggers",
        },
    }
    yield {
        "alert": f"{key}_no_data",
        "expr": f"absent({counted})",
        "for": "5m",
        "labels": labels,
        "annotations": {
            "summary": f"{address.service}: nothing was counted, so {metric.title} is blind",
            "description": f"Either nobody uses {policy.name}, or its metrics do not arrive.",
            "runbook": "docs/alerts.md#no-data",
        },
    }


def _limit(metric: Metric, fill: Callable[[str], str]) -> tuple[str, str, str]:
    """Return PromQL with series while the metric counts, the same while it is past its limit, and words."""
    if isinstance(metric, LevelMetric):
        level = fill(metric.value)
        words = "humanizePercentage" if metric.is_fraction else "humanize"
        return level, f"{level} > {metric.limit:g}", f"{{{{ $value | {words} }}}} {metric.unit}"
    if isinstance(metric, ZeroMetric):
        count = fill(metric.count)
        # The second half sees a counter whose first sample is above zero already, which an increase cannot.
        first = (
            f"sum by ({_BY}) ({count} unless {count} offset {_ZERO})" if _SELECTOR.fullmatch(count) else ""
        )
        grown = f"sum by ({_BY}) (increase({_over(count, _ZERO)})) > 0"
        return (
            count,
            f"{grown} or {first} > 0" if first else grown,
            f"{{{{ $value | humanize }}}} {metric.unit}",
        )
    if isinstance(metric, QuantileMetric):
        counted, limit = fill(metric.total), metric.edge(metric.trigger_seconds)
        buckets = fill(metric.buckets.replace(ONE_EDGE, 'le=~".+"'))
        summed = f"sum by ({_BY}, le) (rate({_over(buckets, _RATE)}))"
        past = f"histogram_quantile({metric.quantile_percent / 100:g}, {summed}) > {limit:g}"
        words = f"{{{{ $value | humanize }}}} {metric.bucket_unit}"
    elif isinstance(metric, ShareMetric):
        counted = fill(metric.total)
        limit = metric.bad_percent(metric.trigger_percent) / 100
        past = f"{_ratio(fill(metric.bad), counted)} > {limit:g}"
        words = f"{{{{ $value | humanizePercentage }}}} of {metric.unit} are bad"
    else:
        counted = fill(metric.whole)
        saved = f"(1 - {_ratio(fill(metric.part), counted)})"
        past = f"{saved} < {metric.minimum_percent / 100:g} or {saved} > {metric.maximum_percent / 100:g}"
        words = "{{ $value | humanizePercentage }}"
    return f"sum(increase({_over(counted, _NO_DATA)})) > 0", past, words


def _ratio(part: str, whole: str) -> str:
    return f"sum by ({_BY}) (rate({_over(part, _RATE)})) / sum by ({_BY}) (rate({_over(whole, _RATE)}))"


def _over(text: str, window: str) -> str:
    """Return a query over a window: of a selector its samples, of an expression its values."""
    return f"{text}[{window}]" if _SELECTOR.fullmatch(text) else f"({text})[{window}:]"
