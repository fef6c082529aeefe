"""Staging goes on only when every criterion of the strategy holds."""

from __future__ import annotations

from typing import Any

import pytest
from slipway.analysis.load_report import LoadReport
from slipway.analysis.staging import judge_staging
from slipway.analysis.verdict import Decision, Verdict
from slipway.ledger.entries import SuiteRun
from slipway.policy.release import load_policy
from slipway.policy.staging import StagingValidation

from tests.load_report import REPORT

PASSED = SuiteRun(suite="any", tests=20, passed=20)


@pytest.fixture(scope="module")
def validation() -> StagingValidation:
    return load_policy("release.yaml").validation


def judge(validation: StagingValidation, suites: dict[str, Any] | None = None, **report: Any) -> Decision:
    results = dict.fromkeys(validation.suites, PASSED) | (suites or {})
    return judge_staging(results, LoadReport.model_validate(REPORT | report), validation, seconds=1)


def test_everything_in_order_goes_on(validation: StagingValidation) -> None:
    decision = judge(validation)
    assert decision.verdict is Verdict.PROMOTE
    assert len(decision.findings) == len(validation.suites) + 11


def test_one_failed_test_of_twenty_is_allowed_and_two_are_not(validation: StagingValidation) -> None:
    one = SuiteRun(suite="any", tests=20, passed=19, failed=("test_a",))
    two = SuiteRun(
        suite="any",
        tests=20,
        passed=18,
        failed=(
            "test_a",
            "test_b",
        ),
    )
    assert judge(validation, {"e2e": one}).verdict is Verdict.PROMOTE
    decision = judge(validation, {"e2e": two})
    assert decision.verdict is Verdict.ROLLBACK
    assert decision.reason == (
        "suite e2e: 90 % of 20 tests passed (at least 95 % required); failed: test_a, test_b"
    )


def test_not_one_mission_critical_test_may_fail(validation: StagingValidation) -> None:
    decision = judge(
        validation, {"mission_critical": SuiteRun(suite="any", tests=100, passed=99, failed=("test_a",))}
    )
    assert decision.reason == (
        "suite mission_critical: 99 % of 100 tests passed (at least 100 % required); failed: test_a"
    )


def test_a_failed_suite_weighs_more_than_an_inconclusive_load_test(validation: StagingValidation) -> None:
    assert judge(validation, generator=None).verdict is Verdict.HOLD
    assert judge(validation, {"e2e": None}, generator=None).verdict is Verdict.ROLLBACK


def test_what_did_not_run_stops(validation: StagingValidation) -> None:
    assert judge(validation, {"e2e": None}).reason == "suite e2e: no evidence, it did not run"
    decision = judge_staging(dict.fromkeys(validation.suites, PASSED), None, validation, seconds=1)
    assert decision.reason == "load test: no evidence, no request was answered"


def test_a_suite_that_did_not_run_to_its_end_is_inconclusive(validation: StagingValidation) -> None:
    lost = SuiteRun(suite="any", tests=0, passed=0, unfinished="execution tests-x cannot be found")
    decision = judge(validation, {"e2e": lost})
    assert (decision.verdict, decision.reason) == (
        Verdict.HOLD,
        "suite e2e inconclusive: execution tests-x cannot be found",
    )
