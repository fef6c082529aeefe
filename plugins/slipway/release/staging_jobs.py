"""Tests of staging that a Cloud Run job runs: what an execution is given, and what it leaves in a bucket."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from slipway.analysis.load_report import MemoryReport, WebSocketReport
from slipway.exceptions import CloudRunError, CommandFailed
from slipway.hooks.cloud_run.address import JobAddress
from slipway.ledger.entries import LoadTested, SuiteRun
from slipway.paths import INCLUDE
from slipway.policy.section import stated

if TYPE_CHECKING:
    from airflow.sdk import ObjectStoragePath
    from airflow.sdk.types import Logger

    from slipway.hooks.cloud_run.jobs import CloudRunJobHook
    from slipway.hooks.command.load import LoadGeneratorHook
    from slipway.hooks.command.suites import SuiteResult
    from slipway.ledger.ledger import Ledger, Release
    from slipway.policy.staging import LoadTest

RESULTS = "RESULTS"
"""The variable of an execution that names the folder of its results: no other execution has the same."""
_LOAD_MARGIN_SECONDS = 120


@dataclass(frozen=True)
class JobRun:
    """An execution of a job, before it has begun.

    :param job: where the job is.
    :param results: folder of a bucket in which each task leaves a folder of its number.
    :param variables: what its tasks are told.
    :param tasks: how many there are.
    :param timeout_seconds: bound of each.
    """

    job: JobAddress
    results: str
    variables: Mapping[str, str]
    tasks: int
    timeout_seconds: float

    def begin(self, hook: CloudRunJobHook) -> str:
        """Begin it, or find it when it has begun; return its full name.

        :param hook: the door to Cloud Run jobs.
        :raises CloudRunError: when Cloud Run refuses, or gives no usable answer.
        """
        variables = {**self.variables, RESULTS: self.results}
        return hook.begin(
            self.job,
            variables=variables,
            mark=RESULTS,
            tasks=self.tasks,
            timeout_seconds=self.timeout_seconds,
        )


def suite_job(release: Release, key: str, variables: Mapping[str, str]) -> JobRun:
    """Return the execution that runs a suite.

    :param release: the release.
    :param key: of the suite in the policy, which names a job.
    :param variables: what the tests are told.
    """
    suite = release.policy.validation.suites[key]
    return JobRun(
        _address(release, stated(suite.job, f"staging_validation.suites.{key}.job")),
        results_of(release, key),
        {**variables, "TEST_SUITE": suite.path},
        tasks=1,
        timeout_seconds=suite.timeout_seconds,
    )


def load_part(attempt: int) -> str:
    """Name an attempt of the load test among what the executions of a release run."""
    return f"load_test/{attempt}"


def load_job(release: Release, attempt: int, variables: Mapping[str, str]) -> JobRun:
    """Return the execution whose tasks generate the load.

    :param release: the release; its policy's load test names a job.
    :param attempt: which one of the policy's attempts it is.
    :param variables: what the generators are told.
    """
    load_test = release.policy.load_test
    return JobRun(
        _address(release, stated(load_test.job, "staging_validation.load_test.job")),
        results_of(release, load_part(attempt)),
        {
            **variables,
            "LOAD_TEST": load_test.locustfile,
            "LOAD_TEST_USERS": str(load_test.users),
            "LOAD_TEST_SECONDS": f"{round(load_test.duration_seconds)}",
        },
        tasks=load_test.job_tasks,
        timeout_seconds=load_test.duration_seconds + _LOAD_MARGIN_SECONDS,
    )


def results_of(release: Release, part: str) -> str:
    """Return the folder of the results of one execution.

    :param release: the release.
    :param part: what it runs, unique in the release.
    """
    return f"{release.policy.validation.job_results}/{release.release_id}/{part}"


def unfinished(hook: CloudRunJobHook, execution: str) -> str | None:
    """Say why an execution proves nothing, None when each of its tasks ran once and to its end.

    One that still runs is cancelled: its time is over.

    :param hook: the door to Cloud Run jobs.
    :param execution: its full name.
    """
    name = execution.rpartition("/")[2]
    try:
        found = hook.read(execution)
        if found is None:
            return f"execution {name} no longer exists"
        if not found.done:
            hook.cancel(execution)
            return f"execution {name} was not done in time, and is cancelled"
    except CloudRunError as error:
        return str(error)
    said = f": {found.message}" if found.message else ""
    if found.cancelled:
        return f"execution {name} was cancelled{said}"
    if found.succeeded != found.tasks:
        return f"execution {name}: {found.tasks - found.succeeded} of {found.tasks} tasks failed{said}"
    if found.retried:
        return f"execution {name}: {found.retried} of {found.tasks} tasks had to be started again"
    return None


def read_suite(folder: ObjectStoragePath) -> SuiteResult:
    """Read how a suite went.

    :param folder: of the results.
    :raises CommandFailed: when there is no usable result.
    """
    from slipway.hooks.command.suites import read_reports

    first, again = (_read(folder, f"0/{name}.xml") for name in ("report", "again"))
    if first is None:
        raise CommandFailed(f"no result in {folder}")
    return read_reports(first, again)


def merged_load(
    folder: ObjectStoragePath, load_test: LoadTest, why: str | None, generator: LoadGeneratorHook
) -> LoadTested:
    """Return what the tasks of a load test measured, as one report.

    :param folder: of the results; a task that left nothing there is lost.
    :param load_test: the policy's.
    :param why: why the execution proves nothing; None when it does.
    :param generator: makes one report of several.
    :raises CommandFailed: when no report can be made of what is there.
    """
    found = {number: _read(folder, f"{number}/share.json") for number in range(load_test.job_tasks)}
    shares = {number: share for number, share in found.items() if share is not None}
    if not shares:
        return _nothing_measured(load_test, why or f"no task left what it measured in {folder}")
    report = generator.merge(
        INCLUDE / load_test.locustfile,
        shares,
        users=load_test.users,
        duration_seconds=load_test.duration_seconds,
        generators=load_test.job_tasks,
    )
    return LoadTested.model_validate({**report, "unfinished": why})


def _nothing_measured(load_test: LoadTest, why: str) -> LoadTested:
    sockets = WebSocketReport(connects=0, connect_failures=0, events=0, lost=0, latency_p95_ms=None)
    return LoadTested(
        users=load_test.users,
        requests=0,
        failures=0,
        websocket=sockets,
        memory=MemoryReport(),
        unfinished=why,
    )


def cancel_jobs(release: Release, ledger: Ledger, log: Logger, *, gcp_conn_id: str) -> None:
    """Cancel the executions that a release has begun and not judged.

    :param release: a release that ends.
    :param ledger: where their names are kept.
    :param log: where it is said that one cannot be cancelled: it keeps no release from ending.
    :param gcp_conn_id: connection to Google Cloud.
    """
    for execution in _unjudged(release, ledger):
        from slipway.hooks.cloud_run.jobs import CloudRunJobHook

        try:
            with closing(CloudRunJobHook(gcp_conn_id=gcp_conn_id)) as hook:
                hook.cancel(execution)
        except CloudRunError as error:
            log.warning("%s; it ends by its own time-out", error)


def _unjudged(release: Release, ledger: Ledger) -> Iterator[str]:
    validation = release.policy.staging_validation
    steps: list[tuple[type[SuiteRun | LoadTested], dict[str, str]]] = []
    if validation is not None:
        steps += [(SuiteRun, {"suite": key}) for key, suite in validation.suites.items() if suite.job]
        if validation.load_test is not None and validation.load_test.job:
            steps.append((LoadTested, {}))
    for kind, parts in steps:
        execution = ledger.operations.of(release.release_id, kind, **parts).name()
        if execution is not None and ledger.get(release.release_id, kind, **parts) is None:
            yield execution


def _address(release: Release, job: str) -> JobAddress:
    staging = release.policy.environments["staging"]
    return JobAddress(staging.project_id, staging.location, job)


def _read(folder: ObjectStoragePath, name: str) -> bytes | None:
    try:
        return bytes((folder / name).read_bytes())
    except FileNotFoundError:
        return None
