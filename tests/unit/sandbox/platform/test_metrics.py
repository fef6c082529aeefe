"""What the platform counts about itself is there from the start, at zero."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, generate_latest
from slipway.policy.metrics import ZeroMetric
from slipway.policy.release import load_policy

from sandbox.platform.metrics import BackendMetrics


def test_every_counter_that_must_stay_zero_is_exported_before_anything_happened() -> None:
    registry = CollectorRegistry()
    BackendMetrics(registry)
    exported = generate_latest(registry).decode().splitlines()
    counters = [
        m.count.partition("{")[0]
        for m in load_policy("release.yaml").metrics.values()
        if isinstance(m, ZeroMetric)
    ]
    assert counters == ["session_isolation_breaches_total"]
    assert [line for line in exported if line.startswith(counters[0])] == [f"{counters[0]} 0.0"]
