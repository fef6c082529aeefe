"""Cloud Run jobs and their executions, as requests and the runner of their tasks change them."""

from __future__ import annotations

import re
import secrets
import string
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from google.cloud import run_v2

from sandbox.cloud.api_errors import (
    AbortedError,
    AlreadyExistsError,
    FailedPreconditionError,
    InvalidArgumentError,
    NotFoundError,
)
from sandbox.cloud.run.container import memory_limit
from sandbox.cloud.run.limits import check_environment
from sandbox.cloud.run.names import short
from sandbox.cloud.stored_message import from_text, to_text

Counts = tuple[int, int, int, int, int]
"""Tasks that run, that succeeded, failed, were cancelled, and that were started again."""

_JOB = re.compile(r"projects/[^/]+/locations/[^/]+/jobs/([a-z]([a-z0-9-]{0,47}[a-z0-9])?)")
_RETRIES, _TASKS, _TIMEOUT_SECONDS = 10, 10_000, 168 * 3600
_DEFAULT_RETRIES, _DEFAULT_TIMEOUT_SECONDS = 3, 600
_KEPT_FIELDS = ("labels", "annotations", "client", "client_version", "launch_stage", "template")


class JobStore:
    """All jobs and executions of all projects; what is given out are copies.

    :param clock: current time, time zone aware.
    """

    def __init__(self, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._clock = clock
        self._jobs: dict[str, Any] = {}
        self._executions: dict[str, Any] = {}

    def create(self, parent: str, job_id: str, given: Any, validate_only: bool = False) -> Any:
        """Create a job; nothing of it runs.

        :param parent: ``projects/<project>/locations/<region>``.
        :param job_id: short name of the job.
        :param given: the job, as the caller sent it.
        :param validate_only: check the request and change nothing.
        :raises AlreadyExistsError: the name is taken.
        :raises InvalidArgumentError: something in it is wrong.
        """
        name = f"{parent}/jobs/{job_id}"
        if not _JOB.fullmatch(name):
            raise InvalidArgumentError(
                f"job_id {job_id!r}: only lowercase, digits, and hyphens; must begin with letter, "
                "and may not end with hyphen; must be less than 50 characters."
            )
        if name in self._jobs:
            raise AlreadyExistsError(f"Resource '{job_id}' already exists.")
        now = self._clock()
        job = run_v2.Job(name=name, uid=str(uuid.uuid4()), create_time=now, update_time=now, generation=1)
        for field in _KEPT_FIELDS:
            setattr(job, field, getattr(given, field))
        _complete(job.template)
        _check(job.template)
        job.etag, job.observed_generation = _etag(), 1
        job.terminal_condition = run_v2.Condition(
            type_="Ready", state=run_v2.Condition.State.CONDITION_SUCCEEDED, last_transition_time=now
        )
        if not validate_only:
            self._jobs[name] = job
        return run_v2.Job(job)

    def job(self, name: str) -> Any:
        """Return a job.

        :param name: its full name.
        :raises NotFoundError: there is none of this name.
        """
        return run_v2.Job(self._job(name))

    def delete(self, name: str, etag: str = "") -> Any:
        """Delete a job and its executions, of which none may run.

        :param name: its full name.
        :param etag: the version that the caller read; empty for any.
        """
        job = self._job(name)
        _check_etag(job, etag)
        executions = self.executions(name)
        if any(not execution.completion_time for execution in executions):
            raise FailedPreconditionError(f"Resource '{short(name)}' has an execution that runs.")
        for execution in executions:
            del self._executions[execution.name]
        return self._jobs.pop(name)

    def run(self, name: str, etag: str, overrides: Any, validate_only: bool = False) -> Any:
        """Make an execution of a job; its tasks are for the caller to run.

        :param name: full name of the job.
        :param etag: the version of the job that the caller read; empty for any.
        :param overrides: what the execution has otherwise than the job's template.
        :param validate_only: check the request and change nothing.
        :raises AbortedError: the etag given is not the current one.
        :raises InvalidArgumentError: an override is wrong.
        :raises NotFoundError: there is no such job.
        """
        job = self._job(name)
        _check_etag(job, etag)
        template = _overridden(job.template, overrides)
        now = self._clock()
        letters = "".join(secrets.choice(string.ascii_lowercase) for _ in range(5))
        execution = run_v2.Execution(
            name=f"{name}/executions/{short(name)}-{letters}",
            uid=str(uuid.uuid4()),
            generation=1,
            create_time=now,
            update_time=now,
            job=short(name),
            labels=dict(template.labels),
            annotations=dict(template.annotations),
            task_count=template.task_count,
            parallelism=template.parallelism,
            template=template.template,
            reconciling=True,
            etag=_etag(),
            conditions=[_completed(run_v2.Condition.State.CONDITION_RECONCILING, now)],
        )
        if not validate_only:
            self._executions[execution.name] = execution
            job.execution_count += 1
            job.latest_created_execution = run_v2.ExecutionReference(
                name=short(execution.name), create_time=now
            )
        return run_v2.Execution(execution)

    def execution(self, name: str) -> Any:
        """Return an execution.

        :param name: its full name.
        :raises NotFoundError: there is none of this name.
        """
        return run_v2.Execution(self._execution(name))

    def executions(self, job: str) -> list[Any]:
        """Return the executions of a job, newest first; ``.../jobs/-`` means every job.

        :param job: full name of the job.
        """
        prefix = job.removesuffix("-") if job.endswith("/-") else f"{job}/executions/"
        found = [e for name, e in self._executions.items() if name.startswith(prefix)]
        return [run_v2.Execution(execution) for execution in reversed(found)]

    def unfinished(self) -> list[str]:
        """Return the full names of the executions that are not over."""
        return [name for name, execution in self._executions.items() if not execution.completion_time]

    def counted(self, name: str, counts: Counts) -> None:
        """Set how many tasks of an execution are in which state.

        :param name: full name of the execution.
        :param counts: the counts.
        """
        execution, now = self._execution(name), self._clock()
        execution.start_time = execution.start_time or now
        execution.update_time, execution.etag = now, _etag()
        (
            execution.running_count,
            execution.succeeded_count,
            execution.failed_count,
            execution.cancelled_count,
            execution.retried_count,
        ) = counts

    def ended(self, name: str, failure: str | None, *, cancelled: bool = False) -> None:
        """End an execution.

        :param name: full name of the execution.
        :param failure: why it failed; None when all of its tasks succeeded.
        :param cancelled: whether it was cancelled.
        """
        execution, now = self._execution(name), self._clock()
        states, reasons = run_v2.Condition.State, run_v2.Condition.ExecutionReason
        condition = _completed(
            states.CONDITION_SUCCEEDED if failure is None else states.CONDITION_FAILED, now
        )
        if failure is not None:
            condition.message = failure
            condition.execution_reason = reasons.CANCELLED if cancelled else reasons.NON_ZERO_EXIT_CODE
        execution.conditions = [condition]
        execution.completion_time = execution.update_time = now
        execution.reconciling, execution.observed_generation, execution.etag = False, 1, _etag()

    def dump(self) -> dict[str, Any]:
        """Everything as JSON values, for ``load``."""
        return {
            "jobs": [to_text(job) for job in self._jobs.values()],
            "executions": [to_text(execution) for execution in self._executions.values()],
        }

    def load(self, stored: Mapping[str, Any]) -> None:
        """Take over what ``dump`` gave."""
        for kind, texts, into in (
            (run_v2.Job, stored["jobs"], self._jobs),
            (run_v2.Execution, stored["executions"], self._executions),
        ):
            for text in texts:
                message = from_text(text, kind())
                into[message.name] = message

    def _job(self, name: str) -> Any:
        if name not in self._jobs:
            raise NotFoundError(f"Resource '{short(name)}' of kind 'JOB' does not exist.")
        return self._jobs[name]

    def _execution(self, name: str) -> Any:
        if name not in self._executions:
            raise NotFoundError(f"Resource '{short(name)}' of kind 'EXECUTION' does not exist.")
        return self._executions[name]


def _etag() -> str:
    return f'"{uuid.uuid4().hex}"'


def _check_etag(job: Any, given: str) -> None:
    if given and given != job.etag:
        raise AbortedError(
            f"Conflict for resource '{short(job.name)}': version '{given}' was specified "
            f"but current version is '{job.etag}'."
        )


def _completed(state: Any, now: datetime) -> Any:
    return run_v2.Condition(type_="Completed", state=state, last_transition_time=now)


def _complete(template: Any) -> None:
    """Fill in the defaults that Cloud Run fills in."""
    task = run_v2.TaskTemplate.pb(template.template)
    template.task_count = template.task_count or 1
    if not task.HasField("retries"):
        task.max_retries = _DEFAULT_RETRIES
    if not task.HasField("timeout"):
        task.timeout.seconds = _DEFAULT_TIMEOUT_SECONDS


def _check(template: Any) -> None:
    """Check a completed template.

    :raises InvalidArgumentError: naming the first field that is wrong.
    """
    task = template.template
    if len(task.containers) != 1:
        raise InvalidArgumentError(
            f"template.containers: exactly one container is supported, {len(task.containers)} given"
        )
    (container,) = task.containers
    if not container.image:
        raise InvalidArgumentError("template.containers[0].image: Required field not set")
    try:
        memory_limit(container)
    except ValueError as error:
        raise InvalidArgumentError(f"template.containers[0].resources.limits.memory: {error}") from error
    check_environment(container.env)
    seconds = task.timeout.total_seconds()
    for field, value, least, most in (
        ("task_count", template.task_count, 1, _TASKS),
        ("parallelism", template.parallelism, 0, template.task_count),
        ("template.max_retries", task.max_retries, 0, _RETRIES),
        ("template.timeout", seconds, 1, _TIMEOUT_SECONDS),
    ):
        if not least <= value <= most:
            raise InvalidArgumentError(f"{field} {value:g}: must be between {least} and {most}")


def _overridden(template: Any, overrides: Any) -> Any:
    """Return the template of an execution with overrides: variables are merged, the rest is replaced.

    :raises InvalidArgumentError: naming the first override that is wrong.
    """
    made = run_v2.ExecutionTemplate(template)
    (container,) = made.template.containers
    if len(overrides.container_overrides) > 1:
        raise InvalidArgumentError("overrides.container_overrides: the job has one container")
    for override in overrides.container_overrides:
        if override.name and override.name != container.name:
            raise InvalidArgumentError(f"overrides.container_overrides.name: no container {override.name!r}")
        if override.args and override.clear_args:
            raise InvalidArgumentError(
                "overrides.container_overrides: args and clear_args cannot both be set"
            )
        if override.args or override.clear_args:
            container.args = list(override.args)
        variables = {variable.name: variable for variable in [*container.env, *override.env]}
        container.env = list(variables.values())
    made.task_count = overrides.task_count or made.task_count
    if run_v2.RunJobRequest.Overrides.pb(overrides).HasField("timeout"):
        made.template.timeout = overrides.timeout
    # A parallelism above the number of tasks is that number.
    made.parallelism = min(made.parallelism, made.task_count)
    _check(made)
    return made
