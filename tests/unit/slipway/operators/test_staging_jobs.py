"""Suites and the load test as executions of Cloud Run jobs: what is begun, and what goes on record of it."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk import ObjectStoragePath
from airflow.sdk.exceptions import TaskDeferred
from slipway.exceptions import CloudRunError
from slipway.hooks.cloud_run import jobs
from slipway.hooks.cloud_run.address import JobAddress
from slipway.hooks.cloud_run.jobs import ExecutionFacts
from slipway.ledger.entries import LoadTested, StagingServed, SuiteRun
from slipway.operators.staging_tests import LoadTestOperator, TestSuiteOperator
from slipway.policy.release import load_policy, parse_policy
from slipway.release.staging_jobs import cancel_jobs
from slipway.triggers.cloud_run_job import CloudRunJobTrigger

from tests.fake_ledger import FakeLedger
from tests.unit.include.load_test.test_merge import Generator
from tests.unit.slipway.on_record import context_of, opened, using

RESULTS = "gs://reports/validation"
SOUND = ExecutionFacts(done=True, tasks=1, succeeded=1, failed=0, cancelled=0, retried=0, message="")
FIRST = """<testsuites><testsuite>
<testcase classname="e2e" name="a"/><testcase classname="e2e" name="b"><failure/></testcase>
<testcase classname="e2e" name="c"><failure/></testcase></testsuite></testsuites>"""
AGAIN = """<testsuites><testsuite><testcase classname="e2e" name="b"/>
<testcase classname="e2e" name="c"><failure/></testcase></testsuite></testsuites>"""


class Jobs:
    """Cloud Run jobs whose executions stand as the test says, and end when they are cancelled."""

    def __init__(self, facts: ExecutionFacts | CloudRunError | None = SOUND) -> None:
        self.facts = facts
        self.begun: list[dict[str, Any]] = []
        self.cancelled: list[str] = []

    def begin(
        self, job: JobAddress, *, variables: Mapping[str, str], mark: str, tasks: int, timeout_seconds: float
    ) -> str:
        self.begun.append({"tasks": tasks, "timeout_seconds": timeout_seconds, **variables})
        assert variables[mark].startswith(RESULTS)
        return f"{job.name}/executions/{job.job}-{len(self.begun)}"

    def read(self, _: str) -> ExecutionFacts | None:
        if isinstance(self.facts, CloudRunError):
            raise self.facts
        return self.facts

    def cancel(self, execution: str) -> bool:
        if isinstance(self.facts, CloudRunError):
            raise self.facts
        self.cancelled.append(execution.rpartition("/")[2])
        return True

    def close(self) -> None:
        pass


@pytest.fixture
def ledger(monkeypatch: pytest.MonkeyPatch) -> FakeLedger:
    """A release whose end-to-end tests and whose load test are jobs."""
    document = load_policy("release.yaml").model_dump(mode="json")
    validation = document["staging_validation"]
    validation["job_results"] = RESULTS
    validation["suites"]["e2e"]["job"] = "tests"
    validation["load_test"] |= {"job": "load", "job_tasks": 2, "users": 4}
    made = FakeLedger()
    release = opened(made).release_id
    policy = parse_policy(document, source="x")
    made.opened[release] = replace(made.opened[release], policy=policy)
    urls = {service: f"http://{service}" for service in ("backend", "auth", "frontend")}
    made.append(release, StagingServed(urls=urls))
    return made


@pytest.fixture
def bucket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The bucket, as a folder."""

    def results(_: Any, folder: str) -> ObjectStoragePath:
        return ObjectStoragePath((tmp_path / folder.removeprefix("gs://")).as_uri())

    monkeypatch.setattr(TestSuiteOperator, "results", results)
    monkeypatch.setattr(LoadTestOperator, "results", results)
    return tmp_path


def put(bucket: Path, begun: Mapping[str, Any], name: str, content: str) -> None:
    """Leave a result of an execution."""
    path = bucket / begun["RESULTS"].removeprefix("gs://") / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)


def deferred(task: Any, *arguments: Any, **named: Any) -> TaskDeferred:
    """Let a task begin an execution; return how it waits."""
    with pytest.raises(TaskDeferred) as caught:
        task(*arguments, **named)
    assert isinstance(caught.value.trigger, CloudRunJobTrigger)
    return caught.value


def begun(task: Any, cloud_run: Jobs, ledger: FakeLedger) -> TaskDeferred:
    """Let an operator begin its execution."""
    using(task, ledger)
    task.__dict__["jobs"] = cloud_run
    return deferred(task.execute, context_of())


def ended(task: Any, waits: TaskDeferred) -> Any:
    """Let an operator go on when its execution is over."""
    assert waits.method_name == "execute_complete"
    assert isinstance(waits.trigger, CloudRunJobTrigger)
    event = {"execution": waits.trigger.execution}
    return task.execute_complete(context_of(), event=event, **(waits.kwargs or {}))


def suite(ledger: FakeLedger, cloud_run: Jobs) -> SuiteRun:
    """What goes on record of the suite when its execution is over."""
    task = TestSuiteOperator(task_id="run_e2e_tests", suite="e2e")
    ended(task, begun(task, cloud_run, ledger))
    entry: SuiteRun = recorded(ledger, SuiteRun, suite="e2e")
    return entry


def recorded(ledger: FakeLedger, kind: Any, **parts: str) -> Any:
    """What is on record."""
    (release,) = ledger.opened
    entry = ledger.get(release, kind, **parts)
    assert entry is not None
    return entry


def test_a_suite_is_an_execution_of_one_task_and_its_reports_are_its_result(
    ledger: FakeLedger, bucket: Path
) -> None:
    cloud_run = Jobs()
    task = TestSuiteOperator(task_id="run_e2e_tests", suite="e2e")
    waits = begun(task, cloud_run, ledger)
    (execution,) = cloud_run.begun
    assert (execution["tasks"], execution["timeout_seconds"]) == (1, 1800)
    assert (execution["TEST_SUITE"], execution["BACKEND_URL"]) == ("acceptance/e2e", "http://backend")
    put(bucket, execution, "0/report.xml", FIRST)
    put(bucket, execution, "0/again.xml", AGAIN)
    assert ended(task, waits) == {"tests": 3, "passed": 1, "failed": ["e2e.b", "e2e.c"]}
    entry = recorded(ledger, SuiteRun, suite="e2e")
    assert (entry.failed, entry.flaky, entry.unfinished) == (("e2e.b", "e2e.c"), ("e2e.b",), None)


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        (None, "execution tests-1 no longer exists"),
        (replace(SOUND, done=False, succeeded=0), "execution tests-1 was not done in time, and is cancelled"),
        (
            replace(SOUND, succeeded=0, failed=1, message="The container exited with an error."),
            "execution tests-1: 1 of 1 tasks failed: The container exited with an error.",
        ),
        (replace(SOUND, succeeded=0, cancelled=1), "execution tests-1 was cancelled"),
        (replace(SOUND, retried=1), "execution tests-1: 1 of 1 tasks had to be started again"),
        (CloudRunError("execution tests-1: cannot be read"), "execution tests-1: cannot be read"),
        (SOUND, "execution tests-1: no result in "),
    ],
)
def test_a_suite_that_was_not_run_to_its_end_is_inconclusive_with_the_reason(
    ledger: FakeLedger, bucket: Path, facts: Any, reason: str
) -> None:
    entry = suite(ledger, Jobs(facts))
    assert (entry.tests, entry.passed) == (0, 0)
    assert entry.unfinished is not None
    assert entry.unfinished.startswith(reason)
    assert entry.sentence.startswith("Test suite e2e is inconclusive: execution tests-1")


def test_a_report_that_cannot_be_read_is_inconclusive(ledger: FakeLedger, bucket: Path) -> None:
    (release,) = ledger.opened
    put(bucket, {"RESULTS": f"{RESULTS}/{release}/e2e"}, "0/report.xml", FIRST[:100])
    assert "cannot be read" in (suite(ledger, Jobs()).unfinished or "")


def test_what_is_not_done_in_time_is_cancelled(ledger: FakeLedger, bucket: Path) -> None:
    cloud_run = Jobs(replace(SOUND, done=False))
    suite(ledger, cloud_run)
    assert cloud_run.cancelled == ["tests-1"]


def share(requests: int) -> str:
    """What a generator leaves."""
    generator = Generator()
    for _ in range(requests):
        generator.request(10.0)
    generator.work(60)
    return json.dumps(generator.share())


def test_the_tasks_of_a_load_test_are_one_load_and_a_lost_one_runs_it_again(
    ledger: FakeLedger, bucket: Path
) -> None:
    cloud_run = Jobs(replace(SOUND, tasks=2, succeeded=1, failed=1))
    task = LoadTestOperator(task_id="load_test")
    waits = begun(task, cloud_run, ledger)
    put(bucket, cloud_run.begun[0], "0/share.json", share(7))
    again = deferred(ended, task, waits)
    first, second = cloud_run.begun
    assert (first["tasks"], first["LOAD_TEST_USERS"], first["LOAD_TEST_SECONDS"]) == (2, "4", "3600")
    assert (first["LOAD_TEST_RATE"], first["timeout_seconds"]) == ("100", 3720)
    assert first["RESULTS"] != second["RESULTS"]
    cloud_run.facts = replace(SOUND, tasks=2, succeeded=2)
    put(bucket, second, "0/share.json", share(7))
    put(bucket, second, "1/share.json", share(5))
    assert ended(task, again)["requests"] == 12
    entry = recorded(ledger, LoadTested)
    assert (entry.users, entry.generator.generators, entry.generator.lost) == (4, 2, ())
    assert (entry.generator.peak_users, entry.unfinished) == (4, None)


def test_a_load_of_which_nothing_is_known_is_on_record_with_the_reason(
    ledger: FakeLedger, bucket: Path
) -> None:
    cloud_run = Jobs(None)
    task = LoadTestOperator(task_id="load_test")
    again = deferred(ended, task, begun(task, cloud_run, ledger))
    assert ended(task, again)["requests"] == 0
    assert recorded(ledger, LoadTested).unfinished == "execution load-2 no longer exists"


def test_what_is_not_judged_is_cancelled_when_the_release_ends(
    ledger: FakeLedger, bucket: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cloud_run = Jobs()
    begun(TestSuiteOperator(task_id="run_e2e_tests", suite="e2e"), cloud_run, ledger)
    begun(LoadTestOperator(task_id="load_test"), cloud_run, ledger)
    (release,) = ledger.opened.values()
    ledger.append(release.release_id, SuiteRun(suite="e2e", tests=1, passed=1))
    monkeypatch.setattr(jobs, "CloudRunJobHook", lambda **_: cloud_run)
    cancel_jobs(release, ledger, logging.getLogger("test"), gcp_conn_id="google")  # type: ignore[arg-type]
    assert cloud_run.cancelled == ["load-2"]


def test_what_cannot_be_cancelled_keeps_no_release_from_ending(
    ledger: FakeLedger, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    cloud_run = Jobs()
    begun(LoadTestOperator(task_id="load_test"), cloud_run, ledger)
    cloud_run.facts = CloudRunError("execution load-1: cannot be cancelled: 403")
    monkeypatch.setattr(jobs, "CloudRunJobHook", lambda **_: cloud_run)
    (release,) = ledger.opened.values()
    cancel_jobs(release, ledger, logging.getLogger("test"), gcp_conn_id="google")  # type: ignore[arg-type]
    assert "execution load-1: cannot be cancelled: 403; it ends by its own time-out" in caplog.text
