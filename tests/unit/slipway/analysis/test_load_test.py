"""A load test passes on enough of everything, and on nothing less."""

from __future__ import annotations

from typing import Any

import pytest
from slipway.analysis.load_report import LoadReport
from slipway.analysis.load_test import judge_evidence, judge_load
from slipway.analysis.verdict import Decision, Verdict, combine
from slipway.policy.release import load_policy

from tests.load_report import GENERATOR, MEMORY, REPORT, SOCKETS

LIMITS = load_policy("release.yaml").load_test


def judge(**report: Any) -> Decision:
    """The decision on a load test that is sound but for some fields."""
    return combine(judge_load(LoadReport.model_validate(REPORT | report), LIMITS), seconds=1)


def memory(mib_per_hour: float) -> dict[str, Any]:
    """Readings of an instance whose memory grows."""
    (sound,) = MEMORY["instances"]
    at = sound["at_seconds"]
    grown = [125829120 + mib_per_hour * 2**20 * moment / 3600 for moment in at]
    return {"instances": [{**sound, "resident_bytes": grown}]}


def test_a_sound_load_test_passes() -> None:
    decision = judge()
    assert (decision.verdict, len(decision.findings)) == (Verdict.PROMOTE, 11)
    assert "once in 100,142 would be seen with a probability of 95 %" in decision.reason


@pytest.mark.parametrize(
    ("report", "reason"),
    [
        (
            {"failures": 3700, "failure_reasons": {"/v1/token: the answer holds no token": 3700}},
            (
                "load test failures: 1.03 % of 360000 requests (at most 1 % allowed);"
                " /v1/token: the answer holds no token (3700)"
            ),
        ),
        (
            {"endpoints": {"/v1/token": {"requests": 104, "failures": 49}}},
            "/v1/token: 49 of 104 failed (at most 1 % allowed)",
        ),
        (
            {"endpoints": {"connect": {"requests": 20, "failures": 18}}},
            "connect: 18 of 20 failed (at most 1 % allowed)",
        ),
        ({"latency_p95_ms": 2001.0}, "latency P95: 2001.0 ms (at most 2000 ms required)"),
        ({"cost_reduction_percent": 14.9}, "cost reduction: 14.9 % (15 to 25 % required)"),
        ({"token_reduction_percent": 25.1}, "token reduction: 25.1 % (15 to 25 % required)"),
        ({"cost_accuracy_percent": 94.0}, "cost accuracy: 94.0 % (95 to 100 % required)"),
        (
            {"cost_tracking": {"checked": 100, "wrong": 2}},
            "cost tracking: 98 of 100 looks at the costs followed the answers within 5 s",
        ),
        (
            {"isolation": {"checked": 360000, "breaches": 36}},
            (
                "session isolation: 36 of 360000 answers and events carried another session (none allowed;"
                " once in 120,171 would be seen with a probability of 95 %)"
            ),
        ),
        ({"websocket": SOCKETS | {"lost": 1}}, "events: 1 lost of 21601 (none allowed)"),
        (
            {"websocket": SOCKETS | {"doubled": 2, "out_of_order": 1, "foreign": 1}},
            "events: 2 doubled, 1 out of order, 1 of another session of 21600 (none allowed)",
        ),
        ({"websocket": SOCKETS | {"broken": 1}}, "broken WebSockets: 1 of 3600 ended unasked (none allowed)"),
        (
            {"websocket": SOCKETS | {"latency_p95_ms": 101.0}},
            "event latency P95: 101.0 ms (at most 100 ms required)",
        ),
        (
            {"memory": memory(20)},
            "memory: 20.0 MiB/h (20.0 to 20.0), at most 10 MiB/h allowed; a leak",
        ),
    ],
)
def test_each_limit_stops(report: dict[str, Any], reason: str) -> None:
    decision = judge(**report)
    assert (decision.verdict, decision.reason) == (Verdict.ROLLBACK, reason)


@pytest.mark.parametrize(
    "report",
    [
        {"requests": 0},
        {"websocket": SOCKETS | {"events": 0}},
        {"isolation": {"checked": 0, "breaches": 0}},
        {"cost_tracking": {"checked": 0, "wrong": 0}},
        {"cost_reduction_percent": None},
        {"cost_accuracy_percent": None},
        {"latency_p95_ms": None},
    ],
)
def test_nothing_of_something_stops(report: dict[str, Any]) -> None:
    decision = judge(**report)
    assert decision.verdict is Verdict.ROLLBACK
    assert "no evidence" in decision.reason


@pytest.mark.parametrize(
    ("report", "reason"),
    [
        ({"generator": None}, "the report does not say what the load generator did"),
        ({"generator": GENERATOR | {"peak_users": 149}}, "149 of 150 users at most"),
        ({"generator": GENERATOR | {"full_load_seconds": 20}}, "all users worked for 20 s, 3540 s required"),
        (
            {"generator": GENERATOR | {"least_requests_of_a_user": 0}},
            "a user made 0 requests, 960 required of each",
        ),
        (
            {"generator": GENERATOR | {"cpu_percent": 97}},
            "processor time of the load generator 97 % of a core, at most 85 % allowed",
        ),
        (
            {"generator": GENERATOR | {"lateness_p95_ms": 51}},
            "lateness of the load generator P95 51 ms, at most 50 ms allowed",
        ),
        (
            {"isolation": {"checked": 1450, "breaches": 0}},
            "1450 answers checked for another session, 200000 required",
        ),
        (
            {"generator": GENERATOR | {"generators": 4, "lost": (1, 3)}},
            "2 of 4 generators lost (1, 3)",
        ),
        (
            {"unfinished": "execution load-x: 1 of 4 tasks failed"},
            "execution load-x: 1 of 4 tasks failed",
        ),
        (
            {"websocket": SOCKETS | {"clock_difference_ms": -1500}},
            "clocks of the platform and the load generator differ by -1500 ms, at most 1000 ms allowed",
        ),
    ],
)
def test_too_little_of_a_test_is_inconclusive(report: dict[str, Any], reason: str) -> None:
    decision = judge(**report)
    assert (decision.verdict, decision.reason) == (Verdict.HOLD, f"load test inconclusive: {reason}")


@pytest.mark.parametrize("readings", [[], [(700.0, 1.0)] * 39])
def test_too_few_readings_of_the_memory_are_inconclusive(readings: list[tuple[float, float]]) -> None:
    at, resident = [moment for moment, _ in readings], [level for _, level in readings]
    series = {"started_at": 1.0, "at_seconds": at, "resident_bytes": resident}
    seen = {"instances": [series] if readings else []}
    decision = judge(memory=seen)
    assert decision.verdict is Verdict.HOLD
    assert decision.reason.startswith(f"memory: no evidence, {len(readings)} readings of ")
    report = LoadReport.model_validate(REPORT | {"memory": seen})
    again = [finding.metric for finding in judge_evidence(report, LIMITS)]
    assert again == ["memory"] * bool(readings), "a test that read it too seldom is run again"
    assert [finding.metric for finding in judge_load(report, LIMITS)].count("memory") == 1


def test_times_are_not_judged_by_a_generator_that_is_late_itself() -> None:
    decision = judge(
        generator=GENERATOR | {"lateness_p95_ms": 300},
        latency_p95_ms=9000.0,
        websocket=SOCKETS | {"latency_p95_ms": 300.0},
    )
    assert decision.verdict is Verdict.HOLD
    assert "latency P95:" not in decision.reason


def test_a_breach_stops_however_late_the_generator_is() -> None:
    decision = judge(generator=GENERATOR | {"lateness_p95_ms": 300}, isolation={"checked": 10, "breaches": 1})
    assert decision.verdict is Verdict.ROLLBACK


def test_one_failure_of_a_few_requests_is_not_an_endpoint_that_fails() -> None:
    assert judge(endpoints={"/dashboard": {"requests": 40, "failures": 1}}).verdict is Verdict.PROMOTE


def test_an_instance_that_came_late_takes_nothing_from_the_others() -> None:
    (sound,) = MEMORY["instances"]
    late = {"started_at": 2.0, "at_seconds": [3590.0], "resident_bytes": [1.0]}
    assert judge(memory={"instances": [sound, late]}).verdict is Verdict.PROMOTE


def test_a_test_that_did_not_run_stops() -> None:
    (finding,) = judge_load(None, LIMITS)
    assert (finding.verdict, finding.reason) == (
        Verdict.ROLLBACK,
        "load test: no evidence, no request was answered",
    )


def test_a_load_that_did_not_come_to_its_end_is_inconclusive_even_without_a_request() -> None:
    report = LoadReport.model_validate(
        REPORT | {"requests": 0, "unfinished": "execution load-x cannot be found"}
    )
    (finding,) = judge_load(report, LIMITS)
    assert (finding.verdict, finding.reason) == (
        Verdict.HOLD,
        "load test inconclusive: execution load-x cannot be found",
    )
