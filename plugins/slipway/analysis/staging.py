"""Does staging allow the release to go on? Test results and load-test report in, decision out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from slipway.analysis.load_report import LoadReport
from slipway.analysis.load_test import judge_load
from slipway.analysis.verdict import Cause, Decision, Finding, Verdict, combine
from slipway.policy.staging import StagingValidation


class SuiteResult(Protocol):
    """How a test suite went: tests that ran, tests that passed, which did not, and why it did not run."""

    @property
    def tests(self) -> int: ...

    @property
    def passed(self) -> int: ...

    @property
    def troubles(self) -> str: ...

    @property
    def unfinished(self) -> str | None: ...


def judge_staging(
    suites: Mapping[str, SuiteResult | None],
    report: LoadReport | None,
    validation: StagingValidation,
    *,
    seconds: float,
) -> Decision:
    """Judge phase 1 by the strategy's success criteria.

    :param suites: the suites' results; None for one that did not run.
    :param report: the load test's report; None when it did not run.
    :param validation: the policy.
    :param seconds: how long the validation took.
    :return: ``promote`` when every criterion holds; ``hold`` when a suite did not run to its end, or the load
        test itself shows too little; otherwise ``rollback``.
    """
    findings = [_suite(name, suites.get(name), validation) for name in validation.suites]
    if validation.load_test is not None:
        findings += judge_load(report, validation.load_test)
    return combine(findings, seconds=seconds)


def _suite(name: str, result: SuiteResult | None, validation: StagingValidation) -> Finding:
    if result and result.unfinished:
        reason = f"suite {name} inconclusive: {result.unfinished}"
        return Finding(name, Verdict.HOLD, reason, None, result.tests, Cause.NOT_ENOUGH_EVIDENCE)
    if not result or not result.tests:
        return Finding(name, Verdict.ROLLBACK, f"suite {name}: no evidence, it did not run", None, 0)
    percent, required = 100 * result.passed / result.tests, validation.required_percent(name)
    return _finding(
        f"suite {name}",
        percent,
        percent >= required,
        f"{percent:.0f} % of {result.tests} tests passed (at least {required:g} % required)"
        + result.troubles,
        events=result.tests,
    )


def _finding(what: str, value: float, holds: bool, words: str, *, events: float) -> Finding:
    verdict = Verdict.PROMOTE if holds else Verdict.ROLLBACK
    return Finding(what, verdict, f"{what}: {words}", value, events)
