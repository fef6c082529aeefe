"""Jobs as the official clients see them, and as the project's own hook uses them."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from google.api_core import exceptions
from google.auth.credentials import AnonymousCredentials
from google.cloud import run_v2
from google.cloud.storage import Client
from slipway.hooks.cloud_run.address import JobAddress
from slipway.hooks.cloud_run.jobs import CloudRunJobHook
from slipway.hooks.command.suites import read_reports

from bench.running_cloud import PROJECT, Clients, CloudProcess, done, wait_for
from sandbox.supervisor.settings import HOST

pytestmark = pytest.mark.sandbox
Overrides = run_v2.RunJobRequest.Overrides
Make = Callable[..., str]
BUCKET = "netra-production-reports"


@pytest.fixture
def make(clients: Clients) -> Iterator[Make]:
    """Make a job that runs a script with arguments; it is deleted afterwards."""
    made = []

    def create(script: str, *, retries: int = 0, seconds: float = 60, **template: Any) -> str:
        name = f"j{uuid.uuid4().hex[:6]}"
        only = clients.template().containers[0]
        only.command, only.args = ["python"], ["-c", script]
        task = run_v2.TaskTemplate(containers=[only], max_retries=retries, timeout=timedelta(seconds=seconds))
        job = run_v2.Job(template=run_v2.ExecutionTemplate(template=task, **template))
        made.append(done(clients.jobs.create_job(parent=PROJECT, job=job, job_id=name)).name)
        return str(made[-1])

    yield create
    for name in made:
        done(clients.jobs.delete_job(name=name))


def run(clients: Clients, job: str, **overrides: Any) -> Any:
    """Begin an execution; its full name."""
    request = run_v2.RunJobRequest(name=job, overrides=Overrides(**overrides))
    return clients.jobs.run_job(request).metadata.name


def ended(clients: Clients, execution: str) -> Any:
    """Wait for the end of an execution."""

    def over() -> Any:
        found = clients.executions.get_execution(name=execution)
        return found if found.completion_time else None

    return wait_for(over, f"the end of {execution}")


@pytest.mark.conformance(
    "JobsClient.run_job", "ExecutionsClient.get_execution", "ExecutionsClient.list_executions"
)
def test_every_task_knows_its_number_and_the_operation_ends_with_the_execution(
    clients: Clients, make: Make, tmp_path: Path
) -> None:
    job = make(
        "import os, pathlib; index = os.environ['CLOUD_RUN_TASK_INDEX'];"
        f"pathlib.Path({str(tmp_path)!r}, index).write_text(os.environ['CLOUD_RUN_TASK_COUNT'])"
    )
    operation = clients.jobs.run_job(run_v2.RunJobRequest(name=job, overrides=Overrides(task_count=3)))
    execution = done(operation)
    assert execution.name.startswith(f"{job}/executions/{job.rpartition('/')[2]}-")
    assert (execution.task_count, execution.succeeded_count, execution.running_count) == (3, 3, 0)
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"0": "3", "1": "3", "2": "3"}
    assert list(clients.executions.list_executions(parent=job)) == [execution]
    assert clients.executions.get_execution(name=execution.name) == execution
    assert clients.jobs.get_job(name=job).latest_created_execution.name == execution.name.rpartition("/")[2]


def test_a_task_that_fails_is_started_again_and_then_fails_its_execution(
    clients: Clients, make: Make
) -> None:
    job = make("import os, sys; sys.exit(int(os.environ['CLOUD_RUN_TASK_INDEX']))", retries=1)
    operation = clients.jobs.run_job(run_v2.RunJobRequest(name=job, overrides=Overrides(task_count=2)))
    with pytest.raises(
        exceptions.GoogleAPICallError, match="task1 failed with message: The container exited"
    ):
        done(operation)
    execution = ended(clients, operation.metadata.name)
    assert (execution.succeeded_count, execution.failed_count, execution.retried_count) == (1, 1, 1)
    (condition,) = execution.conditions
    assert condition.state == run_v2.Condition.State.CONDITION_FAILED


def test_a_retry_that_succeeds_saves_the_execution(clients: Clients, make: Make) -> None:
    job = make("import os, sys; sys.exit(os.environ['CLOUD_RUN_TASK_ATTEMPT'] == '0')", retries=1)
    execution = ended(clients, run(clients, job))
    assert (execution.succeeded_count, execution.failed_count, execution.retried_count) == (1, 0, 1)


def test_a_task_over_its_time_fails(clients: Clients, make: Make) -> None:
    job = make("import time; time.sleep(600)")
    execution = ended(clients, run(clients, job, timeout=timedelta(seconds=1)))
    assert execution.failed_count == 1
    assert "The configured timeout was reached" in execution.conditions[0].message


@pytest.mark.conformance("ExecutionsClient.cancel_execution")
def test_an_execution_is_cancelled_once(clients: Clients, make: Make) -> None:
    job = make("import time; time.sleep(600)", parallelism=1)
    execution = run(clients, job, task_count=2)

    def one_runs() -> bool:
        found = clients.executions.get_execution(name=execution)
        return (found.running_count, found.task_count) == (1, 2)

    wait_for(one_runs, "one task, and no more than the parallelism")
    cancelled = done(clients.executions.cancel_execution(name=execution))
    assert (cancelled.cancelled_count, cancelled.running_count) == (2, 0)
    assert bool(cancelled.completion_time)
    with pytest.raises(exceptions.BadRequest, match="has completed and cannot be cancelled"):
        clients.executions.cancel_execution(name=execution)


def test_a_stale_etag_is_a_conflict_and_what_is_not_there_is_not_found(clients: Clients, make: Make) -> None:
    job = make("pass")
    with pytest.raises(exceptions.Conflict):
        clients.jobs.run_job(run_v2.RunJobRequest(name=job, etag='"old"'))
    with pytest.raises(exceptions.Conflict, match="already exists"):
        clients.jobs.create_job(
            parent=PROJECT, job=clients.jobs.get_job(name=job), job_id=job.rpartition("/")[2]
        )
    with pytest.raises(exceptions.NotFound):
        clients.jobs.run_job(run_v2.RunJobRequest(name=f"{PROJECT}/jobs/none"))
    with pytest.raises(exceptions.NotFound):
        clients.executions.get_execution(name=f"{job}/executions/none")


@pytest.fixture
def hook(cloud: CloudProcess, monkeypatch: pytest.MonkeyPatch) -> Iterator[CloudRunJobHook]:
    """The project's door to the same cloud."""
    endpoint = f"http://{HOST}:{cloud.settings.google_port}"
    extra = {"api_endpoints": {"run": endpoint}, "is_anonymous": True, "project": "test"}
    connection = {"conn_type": "google_cloud_platform", "extra": extra}
    monkeypatch.setenv("AIRFLOW_CONN_GOOGLE_JOBS", json.dumps(connection))
    made = CloudRunJobHook(gcp_conn_id="google_jobs")
    yield made
    made.close()


def address(job: str) -> JobAddress:
    """Where a job is."""
    return JobAddress("test", "us-central1", job.rpartition("/")[2])


def begin(hook: CloudRunJobHook, job: str, results: str = "gs://a/1") -> str:
    """Begin an execution by the hook."""
    variables = {"RESULTS": results}
    return hook.begin(address(job), variables=variables, mark="RESULTS", tasks=2, timeout_seconds=60)


def test_the_hook_begins_an_execution_once_and_reads_how_it_stands(
    clients: Clients, make: Make, hook: CloudRunJobHook
) -> None:
    job = make("pass")
    first = begin(hook, job)
    assert begin(hook, job) == first
    second = begin(hook, job, "gs://a/2")
    assert second != first
    ended(clients, second)
    ended(clients, first)
    found = hook.read(first)
    assert found is not None
    assert (found.done, found.tasks, found.succeeded, found.retried, found.message) == (True, 2, 2, 0, "")
    assert hook.read(f"{job}/executions/none") is None


def test_the_hook_cancels_what_runs_and_says_so(clients: Clients, make: Make, hook: CloudRunJobHook) -> None:
    job = make("import time; time.sleep(600)")
    execution = begin(hook, job)
    assert hook.cancel(execution)
    assert not hook.cancel(execution)
    assert not hook.cancel(f"{job}/executions/none")
    found = hook.read(execution)
    assert found is not None
    assert (found.cancelled, found.message) == (2, "Execution was cancelled.")


def test_a_suite_runs_as_a_job_and_leaves_its_reports_in_the_bucket(
    clients: Clients, cloud: CloudProcess, make: Make, tmp_path: Path
) -> None:
    (tmp_path / "suite").mkdir()
    (tmp_path / "suite" / "test_it.py").write_text("def test_a(): pass\ndef test_b(): assert False\n")
    job = make("the override stands for it")
    name = f"suites/{uuid.uuid4().hex}"
    variables = {"RESULTS": f"gs://{BUCKET}/{name}", "TEST_SUITE": str(tmp_path / "suite")}
    env = [run_v2.EnvVar(name=key, value=value) for key, value in variables.items()]
    override = Overrides.ContainerOverride(args=["-m", "include.job"], env=env)
    execution = ended(clients, run(clients, job, container_overrides=[override]))
    assert execution.succeeded_count == 1, execution.conditions[0].message
    credentials = AnonymousCredentials()
    options = {"api_endpoint": f"http://{HOST}:{cloud.settings.google_port}"}
    with Client(project="test", credentials=credentials, client_options=options) as storage:
        bucket = storage.bucket(BUCKET)
        first, again = (bucket.blob(f"{name}/0/{one}.xml").download_as_bytes() for one in ("report", "again"))
    result = read_reports(first, again)
    assert (result.tests, result.passed, list(result.flaky)) == (2, 1, [])
