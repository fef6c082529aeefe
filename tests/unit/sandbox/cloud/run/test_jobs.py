"""Jobs as the Admin API keeps them: defaults, limits, overrides, and what a restart brings back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from google.cloud import run_v2

from sandbox.cloud.api_errors import (
    AbortedError,
    AlreadyExistsError,
    FailedPreconditionError,
    InvalidArgumentError,
    NotFoundError,
)
from sandbox.cloud.run.jobs import JobStore

PARENT = "projects/p/locations/l"
NAME = f"{PARENT}/jobs/tests"
Overrides = run_v2.RunJobRequest.Overrides
Container = Overrides.ContainerOverride


def job(*, container: dict[str, Any] | None = None, task: dict[str, Any] | None = None, **fields: Any) -> Any:
    """A job of one container."""
    only = run_v2.Container(**{"image": "host/tests", **(container or {})})
    template = run_v2.TaskTemplate(containers=[only], **(task or {}))
    return run_v2.Job(template=run_v2.ExecutionTemplate(template=template, **fields))


@pytest.fixture
def store() -> JobStore:
    """A store with one job."""
    made = JobStore(lambda: datetime(2026, 3, 2, tzinfo=UTC))
    variables = [run_v2.EnvVar(name="A", value="1"), run_v2.EnvVar(name="B", value="1")]
    made.create(PARENT, "tests", job(container={"env": variables, "args": ["x"]}))
    return made


def test_a_job_gets_the_defaults_and_nothing_of_it_runs(store: JobStore) -> None:
    found = store.job(NAME)
    task = found.template.template
    assert (found.template.task_count, task.max_retries, task.timeout) == (1, 3, timedelta(seconds=600))
    assert (found.execution_count, store.executions(NAME), store.unfinished()) == (0, [], [])


def test_no_retries_stay_no_retries(store: JobStore) -> None:
    assert store.create(PARENT, "once", job(task={"max_retries": 0})).template.template.max_retries == 0


@pytest.mark.parametrize(
    ("name", "given", "message"),
    [
        ("Tests", job(), "job_id 'Tests'"),
        ("x" * 50, job(), "less than 50"),
        ("a", run_v2.Job(), "exactly one container"),
        ("a", job(container={"image": ""}), "image: Required"),
        ("a", job(container={"env": [run_v2.EnvVar(name="PORT")]}), "reserved"),
        ("a", job(task_count=10_001), "task_count 10001: must be between 1 and 10000"),
        ("a", job(task_count=2, parallelism=3), "parallelism 3: must be between 0 and 2"),
        ("a", job(task={"max_retries": 11}), "max_retries 11: must be between 0 and 10"),
        ("a", job(task={"timeout": timedelta(days=8)}), "timeout 691200: must be between 1 and 604800"),
    ],
)
def test_what_is_wrong_is_refused(store: JobStore, name: str, given: Any, message: str) -> None:
    with pytest.raises(InvalidArgumentError, match=message):
        store.create(PARENT, name, given)


def test_a_name_is_taken_once(store: JobStore) -> None:
    with pytest.raises(AlreadyExistsError, match="Resource 'tests' already exists"):
        store.create(PARENT, "tests", job())


def test_an_execution_has_the_jobs_template_with_its_overrides(store: JobStore) -> None:
    override = Container(env=[run_v2.EnvVar(name="B", value="2")], args=["y", "z"])
    asked = Overrides(container_overrides=[override], task_count=3, timeout=timedelta(seconds=5))
    execution = store.run(NAME, "", asked)
    (only,) = execution.template.containers
    assert {variable.name: variable.value for variable in only.env} == {"A": "1", "B": "2"}
    assert (only.args, execution.task_count, execution.template.timeout) == (
        ["y", "z"],
        3,
        timedelta(seconds=5),
    )
    (unchanged,) = store.job(NAME).template.template.containers
    assert ([v.value for v in unchanged.env], unchanged.args) == (["1", "1"], ["x"])
    assert (execution.reconciling, bool(execution.completion_time)) == (True, False)
    assert store.job(NAME).execution_count == 1


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (Overrides(container_overrides=[Container(), Container()]), "one container"),
        (Overrides(container_overrides=[Container(name="other")]), "no container 'other'"),
        (
            Overrides(container_overrides=[Container(args=["a"], clear_args=True)]),
            "args and clear_args cannot both be set",
        ),
        (Overrides(task_count=10_001), "task_count"),
        (Overrides(container_overrides=[Container(env=[run_v2.EnvVar(name="PORT")])]), "reserved"),
    ],
)
def test_a_wrong_override_is_refused_and_nothing_runs(store: JobStore, overrides: Any, message: str) -> None:
    with pytest.raises(InvalidArgumentError, match=message):
        store.run(NAME, "", overrides)
    assert store.executions(NAME) == []


def test_a_stale_etag_is_refused(store: JobStore) -> None:
    with pytest.raises(AbortedError, match="version '\"old\"' was specified"):
        store.run(NAME, '"old"', Overrides())
    store.run(NAME, store.job(NAME).etag, Overrides())


def test_what_is_not_there_is_not_found(store: JobStore) -> None:
    with pytest.raises(NotFoundError, match="'JOB'"):
        store.run(f"{PARENT}/jobs/other", "", Overrides())
    with pytest.raises(NotFoundError, match="'EXECUTION'"):
        store.execution(f"{NAME}/executions/tests-x")


def test_a_job_that_runs_is_not_deleted(store: JobStore) -> None:
    execution = store.run(NAME, "", Overrides())
    with pytest.raises(FailedPreconditionError, match="an execution that runs"):
        store.delete(NAME)
    store.ended(execution.name, None)
    store.delete(NAME)
    with pytest.raises(NotFoundError):
        store.execution(execution.name)


def test_the_state_of_an_execution_is_what_its_tasks_made_it(store: JobStore) -> None:
    execution = store.run(NAME, "", Overrides(task_count=2))
    store.counted(execution.name, (2, 0, 0, 0, 0))
    assert store.execution(execution.name).running_count == 2
    store.counted(execution.name, (0, 1, 1, 0, 1))
    store.ended(execution.name, "Task tests-x-task1 failed with message: no")
    found = store.execution(execution.name)
    (condition,) = found.conditions
    assert (condition.type_, condition.message) == ("Completed", "Task tests-x-task1 failed with message: no")
    assert (found.succeeded_count, found.failed_count, found.retried_count) == (1, 1, 1)
    assert bool(found.completion_time)
    assert not found.reconciling


def test_dump_and_load(store: JobStore) -> None:
    execution = store.run(NAME, "", Overrides())
    again = JobStore()
    again.load(store.dump())
    assert (again.job(NAME), again.execution(execution.name)) == (store.job(NAME), execution)
    assert again.unfinished() == [execution.name]
