"""Operators that test a staging deployment: test suites and a load test."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from slipway.analysis.load_test import judge_evidence
from slipway.hooks.command.load import LoadGeneratorHook
from slipway.hooks.command.suites import TestRunnerHook
from slipway.ledger.entries import LoadTested, StagingServed, SuiteRun
from slipway.operators.base import ReleaseOperator
from slipway.paths import INCLUDE
from slipway.policy.staging import SuiteName
from slipway.release.address import service_address

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow.sdk import Context

    from slipway.ledger.ledger import Release
    from slipway.policy.staging import LoadTest


class StagingOperator(ReleaseOperator):
    """Base of the operators that test staging."""

    def environment(self, release: Release) -> Mapping[str, str]:
        """Return the variables that the tests get: ``<SERVICE>_URL``, and the policy's documents as JSON."""
        documents = release.policy.validation.documents
        configuration = release.policy.configuration
        urls = {f"{key.upper()}_URL": url for key, url in self._urls(release).items()}
        return urls | {
            name: json.dumps(configuration[document].content()) for name, document in documents.items()
        }

    def _urls(self, release: Release) -> Mapping[str, str]:
        serving = self.ledger.get(release.release_id, StagingServed)
        urls = {} if serving is None else dict(serving.urls)
        for key, service in release.policy.services.items():
            if key not in urls:
                urls[key] = self.cloud_run.get_service(
                    service_address(release.policy, service.names["staging"], "staging")
                ).uri
        return urls


class TestSuiteOperator(StagingOperator):
    """Run one of the policy's test suites against staging.

    A failed test does not fail the task: the gate weighs it. A suite that cannot run does.

    :param suite: key in the policy's suites.
    """

    __test__ = False

    def __init__(self, *, suite: SuiteName, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.suite = suite

    def absent(self, release: Release) -> str | None:
        """Say why the suite is not run."""
        validation = release.policy.staging_validation
        has = validation is not None and self.suite in validation.suites
        return None if has else f"the policy has no suite {self.suite} (staging_validation.suites)"

    def execute(self, context: Context) -> dict[str, Any]:
        """Return how many tests ran and passed, and which failed."""
        release = self.release(context)
        suite = release.policy.validation.suites[self.suite]
        self.runner = TestRunnerHook()
        result = self.runner.run(
            INCLUDE / suite.path,
            environment=self.environment(release),
            timeout_seconds=suite.timeout_seconds,
            find_flaky=True,
        )
        before = self._last_promoted(release)
        self.record(
            release,
            SuiteRun(
                suite=self.suite,
                tests=result.tests,
                passed=result.passed,
                failed=tuple(result.failed),
                skipped=tuple(result.skipped),
                flaky=tuple(result.flaky),
                compared_with=None if before is None else before[0],
                newly_failing=tuple(
                    name for name in result.failed if before is not None and name not in before[1].failed
                ),
            ),
        )
        return {"tests": result.tests, "passed": result.passed, "failed": list(result.failed)}

    def _last_promoted(self, release: Release) -> tuple[str, SuiteRun] | None:
        """Return the last promoted release, and how the suite went in it."""
        promotions = self.ledger.promotions(release.policy.name)
        if not promotions:
            return None
        version, _ = promotions[-1]
        promoted = self.ledger.promoted(release.policy.name, version, release.policy.region)
        if promoted is None:
            return None
        run = self.ledger.get(promoted.release_id, SuiteRun, suite=self.suite)
        return None if run is None else (promoted.release_id, run)

    def on_kill(self) -> None:
        """Stop the tests."""
        if hasattr(self, "runner"):
            self.runner.stop()


class LoadTestOperator(StagingOperator):
    """Load staging with the policy's number of concurrent users and report what they saw.

    A load test that is inconclusive, because its generator was too busy or too few users worked, is run again
    as often as the policy says.
    """

    def absent(self, release: Release) -> str | None:
        """Say why staging is not loaded."""
        validation = release.policy.staging_validation
        has = validation is not None and validation.load_test is not None
        return None if has else "the policy has no load test (staging_validation.load_test)"

    def execute(self, context: Context) -> dict[str, Any]:
        """Return what was requested, what failed and how long it took."""
        release = self.release(context)
        load_test = release.policy.load_test
        for attempt in range(1, load_test.evidence.attempts + 1):
            tested = self._run(release, load_test)
            lacks = judge_evidence(tested, load_test) if tested.requests else []
            if not lacks:
                break
            self.log.warning(
                "Load test %d of %d: %s",
                attempt,
                load_test.evidence.attempts,
                "; ".join(finding.reason for finding in lacks),
            )
        self.record(release, tested)
        return tested.model_dump(
            include={"users", "duration_seconds", "requests", "failures", "latency_p95_ms"}
        )

    def _run(self, release: Release, load_test: LoadTest) -> LoadTested:
        self.generator = LoadGeneratorHook()
        report = self.generator.run(
            INCLUDE / load_test.locustfile,
            environment={
                **self.environment(release),
                "LOAD_TEST_RATE": f"{load_test.requests_per_second:g}",
                "LOAD_TEST_COSTS_WITHIN_SECONDS": f"{load_test.maximum_cost_tracking_seconds:g}",
            },
            users=load_test.users,
            duration_seconds=load_test.duration_seconds,
        )
        return LoadTested.model_validate(report)

    def on_kill(self) -> None:
        """Stop the load."""
        if hasattr(self, "generator"):
            self.generator.stop()
