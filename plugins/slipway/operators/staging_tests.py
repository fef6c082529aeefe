"""Operators that test a staging deployment: test suites and a load test.

The policy says where each runs: as a process of the task, or as a Cloud Run job that the triggerer waits for.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, NoReturn

from slipway.analysis.load_test import judge_evidence
from slipway.exceptions import CommandFailed
from slipway.hooks.command.load import LoadGeneratorHook
from slipway.hooks.command.suites import SuiteResult, TestRunnerHook
from slipway.ledger.entries import LoadTested, StagingServed, SuiteRun
from slipway.operators.base import ReleaseOperator
from slipway.paths import INCLUDE
from slipway.policy.staging import SuiteName
from slipway.release.address import service_address
from slipway.release.staging_jobs import (
    JobRun,
    load_job,
    load_part,
    merged_load,
    read_suite,
    results_of,
    suite_job,
    unfinished,
)
from slipway.triggers.cloud_run_job import CloudRunJobTrigger

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow.sdk import Context, ObjectStoragePath

    from slipway.hooks.cloud_run.jobs import CloudRunJobHook
    from slipway.ledger.ledger import Release
    from slipway.ledger.operations import KeptOperation
    from slipway.policy.staging import LoadTest

POLL_SECONDS = 5.0
#: What an execution may take besides its tasks: containers that start, and this side that looks.
_START_SECONDS = 300


class StagingOperator(ReleaseOperator):
    """Base of the operators that test staging."""

    @cached_property
    def jobs(self) -> CloudRunJobHook:
        """The door to Cloud Run jobs."""
        from slipway.hooks.cloud_run.jobs import CloudRunJobHook

        return CloudRunJobHook(gcp_conn_id=self.gcp_conn_id)

    def environment(self, release: Release) -> Mapping[str, str]:
        """Return the variables that the tests get: ``<SERVICE>_URL``, and the policy's documents as JSON."""
        documents = release.policy.validation.documents
        configuration = release.policy.configuration
        urls = {f"{key.upper()}_URL": url for key, url in self._urls(release).items()}
        return urls | {
            name: json.dumps(configuration[document].content()) for name, document in documents.items()
        }

    def defer_until_run(self, run: JobRun, kept: KeptOperation, **arguments: Any) -> NoReturn:
        """Begin an execution, or find it; then go on with ``execute_complete``, which gets ``arguments``.

        :param run: what to execute.
        :param kept: where its name is kept, for the end of the release.
        :raises CloudRunError: when it cannot be begun.
        """
        execution = run.begin(self.jobs)
        kept.keep(execution)
        self.log.info("Waiting for execution %s of job %s", execution.rpartition("/")[2], run.job)
        wait = timedelta(seconds=run.timeout_seconds + _START_SECONDS)
        self.defer(
            trigger=CloudRunJobTrigger(
                execution=execution,
                until=(datetime.now(UTC) + wait).isoformat(),
                poll_seconds=POLL_SECONDS,
                gcp_conn_id=self.gcp_conn_id,
            ),
            method_name="execute_complete",
            kwargs=arguments,
            timeout=wait + timedelta(seconds=_START_SECONDS),
        )

    def results(self, folder: str) -> ObjectStoragePath:
        """Return a folder of a bucket, read by the connection of the task.

        :param folder: ``gs://bucket/folder``.
        """
        from airflow.sdk import ObjectStoragePath

        return ObjectStoragePath(folder, conn_id=self.gcp_conn_id)

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

    A failed test does not fail the task: the gate weighs it. A suite that cannot run does; an execution of a
    job that did not come to its end is inconclusive, with the reason.

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
        if suite.job is not None:
            kept = self.ledger.operations.of(release.release_id, SuiteRun, suite=self.suite)
            self.defer_until_run(suite_job(release, self.suite, self.environment(release)), kept)
        self.runner = TestRunnerHook()
        result = self.runner.run(
            INCLUDE / suite.path,
            environment=self.environment(release),
            timeout_seconds=suite.timeout_seconds,
            find_flaky=True,
        )
        return self._record(release, result)

    def execute_complete(self, context: Context, event: dict[str, Any]) -> dict[str, Any]:
        """Return how many tests ran and passed, and which failed, by what the execution left.

        :param context: Airflow's context of the task.
        :param event: the trigger's event.
        """
        release = self.release(context)
        why = unfinished(self.jobs, event["execution"])
        if why is None:
            try:
                return self._record(release, read_suite(self.results(results_of(release, self.suite))))
            except CommandFailed as error:
                why = f"execution {event['execution'].rpartition('/')[2]}: {error}"
        return self._record(release, SuiteResult(tests=0, passed=0, failed=()), why)

    def _record(self, release: Release, result: SuiteResult, why: str | None = None) -> dict[str, Any]:
        entry = suite_run(self, release, self.suite, result, why)
        self.record(release, entry)
        return {"tests": result.tests, "passed": result.passed, "failed": list(result.failed)}

    def on_kill(self) -> None:
        """Stop the tests."""
        if hasattr(self, "runner"):
            self.runner.stop()


def suite_run(
    task: ReleaseOperator, release: Release, suite: str, result: SuiteResult, why: str | None
) -> SuiteRun:
    """Return what goes on record of a suite, compared with the last promoted release.

    :param task: the task, which knows the ledger.
    :param release: the release.
    :param suite: key of the suite.
    :param result: how it went.
    :param why: why it did not run to its end; None when it did.
    """
    before = _last_promoted(task, release, suite)
    return SuiteRun(
        suite=suite,
        tests=result.tests,
        passed=result.passed,
        failed=tuple(result.failed),
        skipped=tuple(result.skipped),
        flaky=tuple(result.flaky),
        compared_with=None if before is None else before[0],
        newly_failing=tuple(
            name for name in result.failed if before is not None and name not in before[1].failed
        ),
        unfinished=why,
    )


def _last_promoted(task: ReleaseOperator, release: Release, suite: str) -> tuple[str, SuiteRun] | None:
    """Return the last promoted release, and how the suite went in it."""
    promotions = task.ledger.promotions(release.policy.name)
    if not promotions:
        return None
    version, _ = promotions[-1]
    promoted = task.ledger.promoted(release.policy.name, version, release.policy.region)
    if promoted is None:
        return None
    run = task.ledger.get(promoted.release_id, SuiteRun, suite=suite)
    return None if run is None else (promoted.release_id, run)


class LoadTestOperator(StagingOperator):
    """Load staging with the policy's number of concurrent users and report what they saw.

    A load test that is inconclusive, because its generator was too busy, too few users worked, or the
    execution of a job did not come to its end, is run again as often as the policy says.
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
        if load_test.job is not None:
            self._execute_job(release, attempt=1)
        for attempt in range(1, load_test.evidence.attempts + 1):
            tested = self._run(release, load_test)
            if not self._again(tested, load_test, attempt):
                break
        return self._record(release, tested)

    def execute_complete(self, context: Context, event: dict[str, Any], attempt: int) -> dict[str, Any]:
        """Return what was requested, what failed and how long it took, by what the execution left.

        :param context: Airflow's context of the task.
        :param event: the trigger's event.
        :param attempt: which one of the policy's attempts it was.
        """
        release = self.release(context)
        load_test = release.policy.load_test
        why = unfinished(self.jobs, event["execution"])
        folder = self.results(results_of(release, load_part(attempt)))
        tested = merged_load(folder, load_test, why, LoadGeneratorHook())
        if self._again(tested, load_test, attempt):
            self._execute_job(release, attempt + 1)
        return self._record(release, tested)

    def _again(self, tested: LoadTested, load_test: LoadTest, attempt: int) -> bool:
        """Say whether a load test is inconclusive, and is run again."""
        lacks = judge_evidence(tested, load_test) if tested.requests or tested.unfinished else []
        if lacks:
            why = "; ".join(finding.reason for finding in lacks)
            self.log.warning("Load test %d of %d: %s", attempt, load_test.evidence.attempts, why)
        return bool(lacks) and attempt < load_test.evidence.attempts

    def _run(self, release: Release, load_test: LoadTest) -> LoadTested:
        self.generator = LoadGeneratorHook()
        report = self.generator.run(
            INCLUDE / load_test.locustfile,
            environment=self._variables(release, load_test),
            users=load_test.users,
            duration_seconds=load_test.duration_seconds,
        )
        return LoadTested.model_validate(report)

    def _execute_job(self, release: Release, attempt: int) -> NoReturn:
        run = load_job(release, attempt, self._variables(release, release.policy.load_test))
        kept = self.ledger.operations.of(release.release_id, LoadTested)
        self.defer_until_run(run, kept, attempt=attempt)

    def _variables(self, release: Release, load_test: LoadTest) -> dict[str, str]:
        return {
            **self.environment(release),
            "LOAD_TEST_RATE": f"{load_test.requests_per_second:g}",
            "LOAD_TEST_COSTS_WITHIN_SECONDS": f"{load_test.maximum_cost_tracking_seconds:g}",
        }

    def _record(self, release: Release, tested: LoadTested) -> dict[str, Any]:
        self.record(release, tested)
        shown = {"users", "duration_seconds", "requests", "failures", "latency_p95_ms"}
        return tested.model_dump(include=shown)

    def on_kill(self) -> None:
        """Stop the load."""
        if hasattr(self, "generator"):
            self.generator.stop()
