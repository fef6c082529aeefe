"""The tasks of a release and of its rollback, each try in a process of its own; triggers in another one."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from airflow.sdk.bases.operator import ExecutorSafeguard
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException, TaskDeferred
from slipway.operators.base import ReleaseOperator
from slipway.operators.closing import ClosePromotedOperator, CloseRolledBackOperator
from slipway.operators.deploy import DeployRevisionsOperator
from slipway.operators.gates import BakeGateOperator
from slipway.operators.ordered_rollback import OrderRollbackOperator
from slipway.operators.preflight import OpenReleaseOperator
from slipway.operators.reconcile import ReconcileReleaseOperator
from slipway.operators.rollback import RollBackTrafficOperator
from slipway.operators.traffic import ShiftTrafficOperator
from slipway.operators.watchdog import CheckReleasesOperator
from slipway.policy.release import PhaseName
from slipway.sensors.bake import BakeSensor

from tests import forks
from tests.chaos.whole.clock import step
from tests.unit.slipway.on_record import run_with

BOUND_SECONDS = 60.0
PHASES: tuple[PhaseName, ...] = ("canary", "half", "full")


class Gate(BakeGateOperator):
    """A gate without a scheduler: what comes next is read from its entry."""

    def do_branch(self, context: Any, branches_to_execute: Any) -> Any:
        """Lead nowhere."""
        return branches_to_execute


class Order(OrderRollbackOperator):
    """The order of a rollback, without a scheduler."""

    def do_branch(self, context: Any, branches_to_execute: Any) -> Any:
        """Lead nowhere."""
        return branches_to_execute


def _of_phase(phase: PhaseName) -> dict[str, Callable[[Any], ReleaseOperator]]:
    return {
        f"shift {phase}": lambda _: ShiftTrafficOperator(task_id="shift_traffic", phase=phase),
        f"bake {phase}": lambda _: BakeSensor(task_id="bake", phase=phase),
        f"gate {phase}": lambda _: Gate(task_id="go_or_rollback", phase=phase),
    }


TASKS: dict[str, Callable[[Any], ReleaseOperator]] = {
    "open": lambda request: OpenReleaseOperator(task_id="open_release", validated=request),
    "deploy": lambda _: DeployRevisionsOperator(task_id="deploy_revisions", environment="production"),
    **{name: made for phase in PHASES for name, made in _of_phase(phase).items()},
    "close promoted": lambda _: ClosePromotedOperator(task_id="close_promoted"),
    "order": lambda _: Order(task_id="order_rollback"),
    "roll back": lambda _: RollBackTrafficOperator(task_id="roll_back_traffic"),
    "close": lambda _: CloseRolledBackOperator(task_id="close_release"),
    "reconcile": lambda _: ReconcileReleaseOperator(task_id="reconcile", verdict="verdict"),
    "watchdog": lambda _: CheckReleasesOperator(task_id="check_releases"),
}
FORWARD = ("open", "deploy", *(f"{step} {phase}" for phase in PHASES for step in ("shift", "bake", "gate")))
#: Tries of a task as the DAGs have them; two for the others.
TRIES = {"roll back": 6, "close": 4, "close promoted": 4, "reconcile": 6, "order": 4, "watchdog": 1}


@dataclass(frozen=True)
class Ended:
    """How a process of a task ended.

    :param code: its exit code; negative when a signal ended it.
    :param said: ``error``, ``fatal`` (an error that is not tried again), ``deferred`` or ``event``.
    """

    code: int | None
    said: Mapping[str, Any]

    @property
    def failed(self) -> str:
        """Why it failed; empty when it did not."""
        return str(self.said.get("error") or ("" if self.code == 0 else f"ended with {self.code}"))


@dataclass
class Run:
    """One run: of a release, or of its rollback.

    :param run_id: its id.
    :param params: what was requested.
    :param request: the validated request.
    :param environment: its tasks' variables.
    :param folder: where its processes write.
    """

    run_id: str
    params: Mapping[str, Any]
    request: Any
    environment: dict[str, str]
    folder: Path
    errors: list[str] = field(default_factory=list)
    clock: float = 0.0
    _process: Any = None

    def kill(self) -> None:
        """End the process that is at work, a task's or a trigger's."""
        process = self._process
        if process is not None and process.is_alive():
            os.kill(process.pid, signal.SIGKILL)

    def step_clock(self, seconds: float) -> None:
        """Set the clock of every process that begins from now on.

        :param seconds: ahead, or behind when negative.
        """
        self.clock = seconds

    def task(self, name: str, pause: Callable[[], object]) -> bool:
        """Run a task with its tries; tell whether it succeeded.

        :param name: one of :data:`TASKS`.
        :param pause: waits before a task is tried again.
        """
        for number in range(TRIES.get(name, 2)):
            if number:
                pause()
            ended = self._try(name)
            if not ended.failed:
                return True
            self.errors.append(f"{name}: {ended.failed}")
            if ended.said.get("fatal"):
                return False
        return False

    def _try(self, name: str) -> Ended:
        method, arguments = "execute", dict[str, Any]()
        while True:
            ended = self._run(name, method, arguments)
            deferred = ended.said.get("deferred")
            if ended.failed or deferred is None:
                return ended
            trigger = self._trigger(deferred)
            if trigger.failed:
                return trigger
            method, arguments = deferred["method"], {**deferred["kwargs"], "event": trigger.said["event"]}

    def _trigger(self, deferred: Mapping[str, Any]) -> Ended:
        while True:
            ended = self._run("", deferred["trigger"], deferred["arguments"])
            # Another triggerer takes over what a killed one had, as it was written down.
            if ended.code != -signal.SIGKILL:
                return ended

    def _run(self, name: str, method: str, arguments: Mapping[str, Any]) -> Ended:
        said = self.folder / f"{self.run_id}.json"
        said.unlink(missing_ok=True)
        log = self.folder / f"{self.run_id}.log"
        log.touch()
        task = (name, method, dict(arguments), self.run_id, dict(self.params), self.request, self.clock)
        self._process = forks.CONTEXT.Process(
            target=_begin, args=(task, str(log), str(said), self.environment)
        )
        self._process.start()
        self._process.join(BOUND_SECONDS)
        if self._process.exitcode is None:
            self.kill()
            self._process.join(BOUND_SECONDS)
            return Ended(None, {"error": f"ran over {BOUND_SECONDS:g} s"})
        return Ended(self._process.exitcode, json.loads(said.read_text()) if said.exists() else {})


def _begin(task: tuple[Any, ...], log: str, said: str, environment: Mapping[str, str]) -> None:
    os.environ.update(environment)
    descriptor = os.open(log, os.O_WRONLY | os.O_APPEND)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    name, method, arguments, run_id, params, request, clock = task
    print(f"--- {name} {method}")
    if clock:
        step(clock)
    found: dict[str, Any] = {}
    try:
        if name:
            _execute(name, method, arguments, run_id, params, request)
        else:
            found["event"] = asyncio.run(_event(method, arguments))
    except AirflowSkipException:
        pass
    except TaskDeferred as deferred:
        trigger, kept = deferred.trigger.serialize()
        kwargs = dict(deferred.kwargs or {})
        found["deferred"] = {
            "trigger": trigger,
            "arguments": kept,
            "method": deferred.method_name,
            "kwargs": kwargs,
        }
    except Exception as error:  # noqa: BLE001 - whatever fails a task is its result
        found = {
            "error": f"{type(error).__name__}: {error}",
            "fatal": isinstance(error, AirflowFailException),
        }
        print(found["error"])
    Path(said).write_text(json.dumps(found, default=str))


def _execute(
    name: str, method: str, arguments: Mapping[str, Any], run_id: str, params: Mapping[str, Any], request: Any
) -> None:
    operator = TASKS[name](request)
    ExecutorSafeguard.tracker.set(operator)
    run = SimpleNamespace(run_id=run_id, conf={}, triggering_user_name="ada", run_type="manual")
    of_run = run_with()
    # The watchdog asks after runs that have ended.
    of_run["ti"].get_dr_count = lambda *_, **__: 0
    context = cast("Any", {"params": dict(params), "dag_run": run, "run_id": run_id} | of_run)
    getattr(operator, method)(context, **arguments)


async def _event(trigger: str, arguments: Mapping[str, Any]) -> Any:
    module, _, name = trigger.rpartition(".")
    async for event in getattr(import_module(module), name)(**arguments).run():
        return event.payload
    raise RuntimeError("the trigger ended without an event")
