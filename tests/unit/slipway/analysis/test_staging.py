"""Staging goes on only when every criterion of the strategy holds."""

from __future__ import annotations

from typing import Any

import pytest
from slipway.analysis.staging import LoadReport, judge_staging
from slipway.analysis.verdict import Decision, Verdict
from slipway.hooks.command.suites import SuiteResult
from slipway.policy.release import load_policy
from slipway.policy.staging import StagingValidation


def websocket(**seen: float) -> dict[str, float]:
    return {"connects": 10, "connect_failures": 0, "lost": 0, **seen}


PASSED = SuiteResult(20, 20, [])
REPORT: dict[str, Any] = {
    "requests": 1000,
    "failures": 1,
    "cost_reduction_percent": 20.0,
    "cost_accuracy_percent": 100.0,
    "websocket": websocket(events=100, latency_p95_ms=20.0),
    "memory": {"first_bytes": 100, "last_bytes": 105},
}


@pytest.fixture(scope="module")
def validation() -> StagingValidation:
    return load_policy("release.yaml").staging_validation


def judge(validation: StagingValidation, suites: dict[str, Any] | None = None, **report: Any) -> Decision:
    results = dict.fromkeys(validation.suites, PASSED) | (suites or {})
    return judge_staging(results, LoadReport.model_validate(REPORT | report), validation, seconds=1)


def test_everything_in_order_goes_on(validation: StagingValidation) -> None:
    decision = judge(validation)
    assert decision.verdict is Verdict.PROMOTE
    assert len(decision.findings) == len(validation.suites) + 5


def test_one_failed_test_of_twenty_is_allowed_and_two_are_not(validation: StagingValidation) -> None:
    one = SuiteResult(20, 19, ["test_a"])
    two = SuiteResult(20, 18, ["test_a", "test_b"])
    assert judge(validation, {"e2e": one}).verdict is Verdict.PROMOTE
    decision = judge(validation, {"e2e": two})
    assert decision.verdict is Verdict.ROLLBACK
    assert decision.reason == (
        "suite e2e: 90 % of 20 tests passed (at least 95 % required); failed: test_a, test_b"
    )


@pytest.mark.parametrize(
    ("report", "reason"),
    [
        ({"failures": 11}, "load test failures: 1.10 % of 1000 requests (at most 1 % allowed)"),
        ({"cost_reduction_percent": 14.9}, "cost reduction: 14.9 % (15 to 25 % required)"),
        ({"cost_reduction_percent": 25.1}, "cost reduction: 25.1 % (15 to 25 % required)"),
        ({"cost_accuracy_percent": 94.0}, "cost accuracy: 94.0 % (95 to 100 % required)"),
        (
            {"websocket": websocket(events=9, latency_p95_ms=101.0)},
            "event latency P95: 101.0 ms (at most 100 ms required)",
        ),
        (
            {"memory": {"first_bytes": 100, "last_bytes": 151}},
            "memory growth: 51.0 % (at most 50 % required)",
        ),
    ],
)
def test_each_limit_of_the_load_test_stops(
    validation: StagingValidation, report: dict[str, Any], reason: str
) -> None:
    decision = judge(validation, **report)
    assert (decision.verdict, decision.reason) == (Verdict.ROLLBACK, reason)


@pytest.mark.parametrize(
    "report",
    [
        {"requests": 0},
        {"websocket": websocket(events=0, latency_p95_ms=0.0)},
        {"memory": {"first_bytes": None, "last_bytes": None}},
        {"cost_reduction_percent": None},
    ],
)
def test_no_evidence_stops(validation: StagingValidation, report: dict[str, Any]) -> None:
    decision = judge(validation, **report)
    assert decision.verdict is Verdict.ROLLBACK
    assert "no evidence" in decision.reason


def test_what_did_not_run_stops(validation: StagingValidation) -> None:
    assert judge(validation, {"e2e": None}).reason == "suite e2e: no evidence, it did not run"
    decision = judge_staging(dict.fromkeys(validation.suites, PASSED), None, validation, seconds=1)
    assert decision.reason == "load test: no evidence, no request was answered"
