"""The benchmark's source answers as a healthy service does: its bakes must not end."""

from __future__ import annotations

import json

from slipway.hooks.metrics.promql import parse_result
from slipway.policy.metrics import ShareMetric
from slipway.policy.release import load_policy

from bench.scale.source import answer


def test_few_events_of_every_share_are_bad() -> None:
    policy = load_policy("release.yaml")
    for key, metric in policy.metrics.items():
        if isinstance(metric, ShareMetric):
            total, bad = (
                parse_result(text, json.loads(answer(text.replace("$revisions", "new"), 100_000.0))["data"])[
                    0
                ].value
                for text in (metric.total, metric.bad)
            )
            assert bad < 0.01 * total, key
