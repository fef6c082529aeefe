"""Operators that test a staging deployment: test suites and a load test."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from slipway.hooks.command.load import LoadGeneratorHook
from slipway.hooks.command.suites import TestRunnerHook
from slipway.ledger.entries import LoadTested, StagingServed, SuiteRun
from slipway.operators.base import ReleaseOperator
from slipway.paths import INCLUDE
from slipway.release.address import service_address

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow.sdk import Context

    from slipway.ledger.ledger import Release


class StagingOperator(ReleaseOperator):
    """Base of the operators that test staging."""

    def environment(self, release: Release) -> Mapping[str, str]:
        """Return the variables that the tests get: ``<SERVICE>_URL``, and the policy's documents as JSON."""
        documents = release.policy.staging_validation.documents
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

    def __init__(self, *, suite: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.suite = suite

    def execute(self, context: Context) -> dict[str, Any]:
        """Return how many tests ran and passed, and which failed."""
        release = self.release(context)
        suite = release.policy.staging_validation.suites[self.suite]
        self.runner = TestRunnerHook()
        result = self.runner.run(
            INCLUDE / suite.path, environment=self.environment(release), timeout_seconds=suite.timeout_seconds
        )
        self.record(
            release,
            SuiteRun(suite=self.suite, tests=result.tests, passed=result.passed, failed=tuple(result.failed)),
        )
        return {"tests": result.tests, "passed": result.passed, "failed": list(result.failed)}

    def on_kill(self) -> None:
        """Stop the tests."""
        if hasattr(self, "runner"):
            self.runner.stop()


class LoadTestOperator(StagingOperator):
    """Load staging with the policy's number of concurrent users and report what they saw."""

    def execute(self, context: Context) -> dict[str, Any]:
        """Return the load test's report."""
        release = self.release(context)
        load_test = release.policy.staging_validation.load_test
        self.generator = LoadGeneratorHook()
        report = self.generator.run(
            INCLUDE / load_test.locustfile,
            environment=self.environment(release),
            users=load_test.users,
            duration_seconds=load_test.duration_seconds,
        )
        self.record(release, LoadTested.model_validate(report))
        return report

    def on_kill(self) -> None:
        """Stop the load."""
        if hasattr(self, "generator"):
            self.generator.stop()
