"""A revision that serves alone is judged by the policy's own limits, and chance is no alarm."""

from __future__ import annotations

import pytest
from slipway.analysis.counts import Counts
from slipway.analysis.health import judge_health
from slipway.policy.release import load_policy

METRICS = load_policy("release.yaml").metrics
HEALTHY = {
    "error_rate": Counts(1000, 1, 1),
    "latency_p95": Counts(1000, 20, 10),
    "cost_reduction": Counts(10, 8, 0),
    "memory": Counts(4, 0.6, 0),
    "session_isolation": Counts(2, 0, 0),
}


def judged(**counts: Counts) -> dict[str, tuple[bool | None, str]]:
    lines = judge_health(METRICS, HEALTHY | counts, false_alarm_probability=0.05)
    return {line.metric: (line.healthy, line.reason) for line in lines}


def test_every_metric_of_the_policy_has_its_line_and_too_few_events_are_no_verdict() -> None:
    found = judged()
    assert found.keys() == METRICS.keys()
    assert {key for key, (healthy, _) in found.items() if healthy} == HEALTHY.keys()
    assert found["cost_accuracy"] == (None, "Cost calculation accuracy: 0 calculations, too few to judge")
    assert found["error_rate"][1] == "Error rate: 0.10% bad of 1000 requests (trigger 1.00%)"


@pytest.mark.parametrize(
    ("metric", "counts", "words"),
    [
        ("error_rate", Counts(1000, 50, 50), "5.00% bad of 1000 requests"),
        ("latency_p95", Counts(1000, 300, 90), "9.00% slow of 1000 requests (trigger 5.00%)"),
        ("optimization_success", Counts(1000, 200, 200), "20.00% bad of 1000 attempts (trigger 10.00%)"),
        ("cost_reduction", Counts(10, 9.5, 0), "5.0 % (15 to 25 % required)"),
        ("memory", Counts(4, 0.95, 1), "95 % of its limit (limit 90 %)"),
        ("session_isolation", Counts(2, 0, 1), "1 breaches (none allowed)"),
    ],
)
def test_what_is_past_its_limit_is_not_healthy(metric: str, counts: Counts, words: str) -> None:
    healthy, reason = judged(**{metric: counts})[metric]
    assert healthy is False
    assert words in reason


def test_a_few_errors_more_than_the_trigger_allows_may_be_chance() -> None:
    assert judged(error_rate=Counts(400, 5, 5))["error_rate"][0] is True
    assert judged(error_rate=Counts(400, 12, 12))["error_rate"][0] is False
