"""Airflow tasks as processes of their own, forked from one that has imported everything already.

A task's process runs the operator's own code: it is given a context, is resumed as Airflow would when it
defers, and writes its log to a file. Killing it leaves whatever it had done so far.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from airflow.sdk.bases.operator import ExecutorSafeguard
from airflow.sdk.exceptions import TaskDeferred
from slipway.operators.base import ReleaseOperator
from slipway.operators.deploy import DeployRevisionsOperator
from slipway.operators.rollback import RollBackTrafficOperator
from slipway.operators.traffic import ShiftTrafficOperator
from slipway.operators.warm_up import WarmUpOperator

from tests import forks

TASKS: dict[str, Callable[[], ReleaseOperator]] = {
    "deploy": lambda: DeployRevisionsOperator(task_id="deploy_revisions", environment="production"),
    "shift": lambda: ShiftTrafficOperator(task_id="shift_traffic", phase="canary"),
    "warm up": lambda: WarmUpOperator(task_id="warm_up", phase="canary", service="backend"),
    "roll back": lambda: RollBackTrafficOperator(task_id="roll_back_traffic"),
}
BOUND_SECONDS = 120.0


@dataclass(frozen=True)
class Ended:
    """How a task's process ended.

    :param code: its exit code; negative when a signal ended it.
    :param error: class and message of the error that failed the task, empty when it succeeded or was killed.
    :param log: what it wrote.
    """

    code: int | None
    error: str
    log: str

    @property
    def succeeded(self) -> bool:
        """Whether the task succeeded."""
        return self.code == 0 and not self.error


class TaskProcess:
    """A started task.

    :param task: one of :data:`TASKS`.
    :param version: version of the release.
    :param run_id: Airflow run of the release.
    :param folder: where its log and its result go.
    :param environment: its connections.
    """

    def __init__(
        self, task: str, version: str, run_id: str, folder: Path, environment: Mapping[str, str]
    ) -> None:
        self._log, self._result = folder / "task.log", folder / "result.json"
        self._result.unlink(missing_ok=True)
        self._process = forks.CONTEXT.Process(
            target=_run, args=(task, version, run_id, str(self._log), str(self._result), dict(environment))
        )

    def start(self) -> None:
        """Start it."""
        self._log.write_text("")
        self._process.start()

    def kill(self) -> None:
        """End it with SIGKILL; another thread may be in :meth:`wait`, which alone asks how it ended."""
        assert self._process.pid is not None
        os.kill(self._process.pid, signal.SIGKILL)

    def wait(self) -> Ended:
        """Wait until it has ended."""
        self._process.join(BOUND_SECONDS)
        if self._process.exitcode is None:
            self.kill()
            self._process.join(BOUND_SECONDS)
            raise TimeoutError(f"the task ran over {BOUND_SECONDS:g} s:\n{self._log.read_text()}")
        error = json.loads(self._result.read_text()) if self._result.exists() else ""
        return Ended(self._process.exitcode, error, self._log.read_text())


def _run(task: str, version: str, run_id: str, log: str, result: str, environment: Mapping[str, str]) -> None:
    os.environ.update(environment)
    descriptor = os.open(log, os.O_WRONLY | os.O_APPEND)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    operator = TASKS[task]()
    context = {
        "params": {"version": version},
        "dag_run": SimpleNamespace(run_id=run_id, conf={}, triggering_user_name="ada"),
    }
    ExecutorSafeguard.tracker.set(operator)
    error = ""
    try:
        _execute(operator, context)
    except Exception as failure:  # noqa: BLE001 - whatever fails a task is its result
        error = f"{type(failure).__name__}: {failure}"
    Path(result).write_text(json.dumps(error))


def _execute(operator: ReleaseOperator, context: Any) -> Any:
    step = operator.execute
    arguments: dict[str, Any] = {}
    while True:
        try:
            return step(context, **arguments)
        except TaskDeferred as deferred:
            event = asyncio.run(_first_event(deferred.trigger))
            step = getattr(operator, deferred.method_name)
            arguments = {**(deferred.kwargs or {}), "event": event}


async def _first_event(trigger: Any) -> Any:
    async for event in trigger.run():
        return event.payload
    raise RuntimeError("the trigger ended without an event")
