"""A load test's report, above all when there is nothing to report."""

from __future__ import annotations

from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.load_test.measurements import Measurements, percentile

MEMORY: dict[str, int | None] = {"first_bytes": 100, "last_bytes": 110}


def test_nothing_measured_stays_visible() -> None:
    report = Measurements().report(150, MEMORY)
    assert (report["requests"], report["failures"]) == (0, 0)
    rates = (
        "failure_rate",
        "latency_p50_ms",
        "latency_p95_ms",
        "cost_reduction_percent",
        "cost_accuracy_percent",
    )
    assert [report[key] for key in rates] == [None] * len(rates)
    assert report["websocket"] == {
        "connects": 0,
        "connect_failures": 0,
        "events": 0,
        "lost": 0,
        "latency_p95_ms": None,
    }


def test_requests_answers_and_events_are_told_apart() -> None:
    measured = Measurements()
    measured.on_request("POST", "/v1/optimize", 10.0, None, {})
    measured.on_request("GET", "/v1/costs", 30.0, RuntimeError("500"), {})
    measured.on_request("WS", "connect", 5.0, None, {})
    measured.on_request("WS", "connect", 5.0, OSError("refused"), {})
    measured.on_request("WS", "event", 2.0, None, {})
    measured.on_request("WS", "event", 0.0, TimeoutError("lost"), {"lost": True})
    for cost, accurate in (("0.008", True), ("0.007", False)):
        measured.on_answer({"cost_original_usd": "0.010", "cost_usd": cost}, cost_accurate=accurate)
    report = measured.report(2, MEMORY)
    assert (report["users"], report["requests"], report["failures"], report["failure_rate"]) == (2, 2, 1, 0.5)
    assert (report["latency_p50_ms"], report["latency_p95_ms"]) == (10.0, 30.0)
    assert report["cost_reduction_percent"] == pytest.approx(25.0)
    assert report["cost_accuracy_percent"] == 50.0
    assert report["websocket"] == {
        "connects": 2,
        "connect_failures": 1,
        "events": 1,
        "lost": 1,
        "latency_p95_ms": 2.0,
    }
    assert report["memory"] == MEMORY


@given(st.lists(st.integers(0, 10**6), min_size=1), st.integers(1, 100))
def test_a_percentile_is_the_nearest_rank(values: list[int], percent: int) -> None:
    found = percentile(array("d", values), percent)
    assert found in values
    assert sum(value <= found for value in values) * 100 >= percent * len(values)
    assert sum(value < found for value in values) * 100 < percent * len(values)
