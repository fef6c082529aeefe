"""A load test's report: whatever went wrong is in it, above all when there is nothing to report."""

from __future__ import annotations

from typing import Any

import pytest

from include.load_test.measurements import Measurements

MEMORY: dict[str, Any] = {"instances": [], "failed_readings": 0}


def report(measured: Measurements) -> dict[str, Any]:
    """The report of a load test of two users."""
    return measured.report(2, MEMORY)


def test_nothing_measured_stays_visible() -> None:
    found = report(Measurements())
    assert (found["requests"], found["failures"]) == (0, 0)
    rates = (
        "failure_rate",
        "latency_p50_ms",
        "latency_p95_ms",
        "cost_reduction_percent",
        "token_reduction_percent",
        "cost_accuracy_percent",
        "generator",
    )
    assert [found[key] for key in rates] == [None] * len(rates)
    assert found["websocket"]["latency_p95_ms"] is None
    assert (found["isolation"], found["cost_tracking"]) == (
        {"checked": 0, "breaches": 0},
        {"checked": 0, "wrong": 0},
    )


def test_requests_answers_and_events_are_told_apart() -> None:
    measured = Measurements()
    measured.on_request("POST", "/v1/optimize", 10.0, None, {})
    measured.on_request("GET", "/v1/costs", 30.0, RuntimeError("500"), {})
    measured.on_request("WS", "connect", 5.0, None, {})
    measured.on_request("WS", "connect", 5.0, OSError("refused"), {})
    measured.on_request("WS", "event", 2.0, None, {"latency_ms": 2.0})
    measured.on_request("WS", "event", 0.0, TimeoutError("lost"), {"fault": "lost"})
    for cost, accurate in (("0.008", True), ("0.007", False)):
        answer = {"cost_original_usd": "0.010", "cost_usd": cost, "tokens_original": 100, "tokens_used": 80}
        measured.on_answer(answer, cost_accurate=accurate)
    found = report(measured)
    assert (found["users"], found["requests"], found["failures"], found["failure_rate"]) == (2, 4, 2, 0.5)
    assert (found["latency_p50_ms"], found["latency_p95_ms"]) == (5.0, 30.0)
    assert found["cost_reduction_percent"] == pytest.approx(25.0)
    assert found["token_reduction_percent"] == pytest.approx(20.0)
    assert found["cost_accuracy_percent"] == 50.0
    sockets = found["websocket"]
    assert (sockets["connects"], sockets["connect_failures"]) == (2, 1)
    assert (sockets["events"], sockets["lost"], sockets["latency_p95_ms"]) == (1, 1, 2.0)
    assert found["endpoints"]["/v1/costs"] == {"requests": 1, "failures": 1, "latency_p95_ms": 30.0}
    assert found["failure_reasons"]["/v1/costs: 500"] == 1
    assert found["memory"] == MEMORY


def test_an_exception_in_a_user_is_a_failed_request() -> None:
    measured = Measurements()
    measured.on_request("POST", "/v1/optimize", 10.0, None, {})
    measured.on_user_error(user_instance=None, exception=KeyError("token"), tb=None)
    found = report(measured)
    assert (found["requests"], found["failures"]) == (2, 1)
    assert found["endpoints"]["user error"]["failures"] == 1
    assert found["failure_reasons"] == {"user error: 'token'": 1}


def test_a_stall_is_seen_by_every_request_that_it_delays() -> None:
    measured = Measurements()
    for late in (0.0, 3000.0, 2000.0, 1000.0):
        measured.on_request("POST", "/v1/optimize", 5.0, None, {"late_ms": late})
    found = report(measured)
    assert (found["latency_p50_ms"], found["latency_p95_ms"]) == (1005.0, 3005.0)


@pytest.mark.parametrize("fault", ["doubled", "out_of_order", "foreign"])
def test_an_event_that_came_wrongly_is_counted_as_such(fault: str) -> None:
    measured = Measurements()
    context = {"fault": fault, "latency_ms": 3.0}
    measured.on_request("WS", "event", 3.0, RuntimeError(fault), context)
    measured.on_request("WS", "closed", 0.0, RuntimeError("closed with 1006"), {})
    sockets = report(measured)["websocket"]
    assert (sockets[fault], sockets["events"], sockets["lost"], sockets["broken"]) == (1, 1, 0, 1)


@pytest.mark.parametrize("ahead_seconds", [-5.0, 0.0, 5.0])
def test_event_latency_does_not_depend_on_the_platforms_clock(ahead_seconds: float) -> None:
    measured = Measurements()
    for true_ms in range(1, 101):
        context = {
            "latency_ms": true_ms - 1000 * ahead_seconds,
            "emitted_after_seconds": 0.001 + ahead_seconds,
        }
        measured.on_request("WS", "event", 0.0, None, context)
    sockets = report(measured)["websocket"]
    assert sockets["latency_p95_ms"] == pytest.approx(95, abs=2)
    assert sockets["clock_difference_ms"] == pytest.approx(1000 * ahead_seconds, abs=2)


def test_the_timeline_has_what_each_stretch_saw() -> None:
    now = 0.0
    measured = Measurements(120, clock=lambda: now)
    measured.on_users(2)
    measured.on_request("POST", "/v1/optimize", 10.0, None, {})
    now = 2.5
    measured.on_request("POST", "/v1/optimize", 20.0, RuntimeError("500"), {})
    first, second = report(measured)["timeline"]
    assert (first["at_seconds"], first["users"], first["requests_per_second"]) == (0.0, 2, 0.5)
    assert (second["at_seconds"], second["failures"], second["latency_p95_ms"]) == (2.0, 1, 20.0)
