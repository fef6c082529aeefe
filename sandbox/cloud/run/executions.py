"""The tasks of a job's execution: operating-system processes, started, bounded, retried, cancelled."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
from collections.abc import Callable
from typing import Any

from google.longrunning import operations_pb2

from sandbox.cloud.api_errors import FailedPreconditionError
from sandbox.cloud.operations import OperationStore
from sandbox.cloud.run import container
from sandbox.cloud.run.conditions import Failure
from sandbox.cloud.run.container import ImageConfig, NotStartedError, SecretResolver
from sandbox.cloud.run.jobs import JobStore
from sandbox.cloud.run.names import short
from sandbox.supervisor.settings import Settings

_GRACE_SECONDS = 10.0
_UNKNOWN = 2

_log = logging.getLogger(__name__)


class _Run:
    """An execution under way: the state of each of its tasks.

    :param tasks: how many there are.
    """

    def __init__(self, tasks: int) -> None:
        self.states = ["pending"] * tasks
        self.failures: dict[int, str] = {}
        self.retried: set[int] = set()
        self.cancelled = False
        self.work: asyncio.Task[None] | None = None


class Executions:
    """Runs executions.

    :param store: the jobs and executions.
    :param operations: the long-running operations.
    :param settings: where the sandbox lives.
    :param image: finds the config of an image reference; None when there is no such image.
    :param secrets: reads the secrets that containers mount.
    :param save: called after every change of state that a restart must know.
    """

    def __init__(
        self,
        store: JobStore,
        operations: OperationStore,
        settings: Settings,
        image: Callable[[str], ImageConfig | None],
        secrets: SecretResolver,
        save: Callable[[], None],
    ) -> None:
        self._store = store
        self._operations = operations
        self._settings = settings
        self._image = image
        self._secrets = secrets
        self._save = save
        self._runs: dict[str, _Run] = {}

    def begin(self, execution: Any) -> operations_pb2.Operation:
        """Begin to run an execution.

        :param execution: the execution.
        :return: the operation, which ends when all tasks have ended.
        """
        operation = self._operations.begin(execution.name.partition("/jobs/")[0], execution)
        run = self._runs[execution.name] = _Run(execution.task_count)
        self._save()
        run.work = asyncio.create_task(self._run(execution, run, operation.name), name=execution.name)
        return operation

    async def cancel(self, name: str) -> operations_pb2.Operation:
        """Cancel an execution.

        :param name: its full name.
        :return: the operation, which is over when this returns.
        :raises FailedPreconditionError: it is over.
        """
        run = self._runs.get(name)
        if self._store.execution(name).completion_time or run is None or run.work is None:
            raise FailedPreconditionError(f"Execution '{short(name)}' has completed and cannot be cancelled.")
        run.cancelled = True
        run.work.cancel()
        await asyncio.wait([run.work])
        return self._operations.done(name.partition("/jobs/")[0], self._store.execution(name))

    def resume(self) -> None:
        """End what ran when an earlier cloud ended, and its tasks with it."""
        for name in self._store.unfinished():
            count = self._store.execution(name).task_count
            self._store.counted(name, (0, 0, count, 0, 0))
            self._store.ended(name, "Internal error: the tasks were lost.")

    async def stop(self) -> None:
        """End all tasks."""
        works = [run.work for run in self._runs.values() if run.work is not None]
        for work in works:
            work.cancel()
        await asyncio.gather(*works, return_exceptions=True)

    async def _run(self, execution: Any, run: _Run, operation: str) -> None:
        name = execution.name
        at_once = asyncio.Semaphore(execution.parallelism or execution.task_count)
        try:
            async with asyncio.TaskGroup() as group:
                for number in range(execution.task_count):
                    group.create_task(self._task(execution, run, number, at_once))
        except asyncio.CancelledError:
            if not run.cancelled:
                raise
        finally:
            run.states = ["cancelled" if state in ("pending", "running") else state for state in run.states]
            self._count(name, run)
        number, why = min(run.failures.items(), default=(0, None))
        failure = None if why is None else f"Task {short(name)}-task{number} failed with message: {why}"
        if run.cancelled:
            failure = "Execution was cancelled."
        self._store.ended(name, failure, cancelled=run.cancelled)
        ended = self._store.execution(name)
        # As on Google's side the operation of a cancelled execution has no error.
        wrong = None if failure is None or run.cancelled else Failure(_UNKNOWN, failure)
        self._operations.end(operation, ended, wrong)
        self._save()

    async def _task(self, execution: Any, run: _Run, number: int, at_once: asyncio.Semaphore) -> None:
        for attempt in range(execution.template.max_retries + 1):
            async with at_once:
                run.states[number] = "running"
                self._count(execution.name, run)
                failure = await self._attempt(execution, number, attempt)
            if failure is None or attempt == execution.template.max_retries:
                break
            run.retried.add(number)
        if failure is not None:
            run.failures[number] = failure
        run.states[number] = "succeeded" if failure is None else "failed"
        self._count(execution.name, run)

    async def _attempt(self, execution: Any, number: int, attempt: int) -> str | None:
        """Run a task once; return why it failed."""
        (only,) = execution.template.containers
        image, project = self._image(only.image), execution.name.split("/")[1]
        if image is None:
            return f"Image '{only.image}' not found."
        try:
            variables = container.variables(only, project, image, self._secrets, self._settings)
        except NotStartedError as error:
            return error.failure.message
        variables |= {
            "CLOUD_RUN_JOB": execution.job,
            "CLOUD_RUN_EXECUTION": short(execution.name),
            "CLOUD_RUN_TASK_INDEX": str(number),
            "CLOUD_RUN_TASK_ATTEMPT": str(attempt),
            "CLOUD_RUN_TASK_COUNT": str(execution.task_count),
        }
        log = self._settings.logs / f"{project}.{short(execution.name)}-{number}.log"
        line = container.arguments(only, image)
        with log.open("ab") as file:
            try:
                process = await asyncio.create_subprocess_exec(
                    *line,
                    env=variables,
                    cwd=self._settings.home,
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=file,
                    stderr=file,
                    start_new_session=True,
                )
            except OSError as error:
                return f"The container command {line[:3]} cannot be started: {error.strerror}."
        try:
            async with asyncio.timeout(execution.template.timeout.total_seconds()):
                code = await process.wait()
        except TimeoutError:
            return "The configured timeout was reached."
        finally:
            await _end(process)
        return None if code == 0 else f"The container exited with an error ({code}). Log: {log}"

    def _count(self, name: str, run: _Run) -> None:
        running, succeeded, failed, cancelled = (
            run.states.count(state) for state in ("running", "succeeded", "failed", "cancelled")
        )
        self._store.counted(name, (running, succeeded, failed, cancelled, len(run.retried)))


async def _end(process: asyncio.subprocess.Process) -> None:
    """Ask a process to end if it runs, then kill what is left of its session."""
    if process.returncode is None:
        process.terminate()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), _GRACE_SECONDS)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    await process.wait()
