"""The rollup DAG's tasks, each in its own process, as soon as those before it are done: as in Airflow."""

from __future__ import annotations

import contextlib
import importlib
import multiprocessing
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from multiprocessing.connection import Connection, wait
from pathlib import Path
from types import SimpleNamespace
from typing import Any

# Tasks after this one change nothing that a reader of the day sees.
LAST = "publish"


@dataclass(frozen=True)
class Measured:
    """What something took.

    :param peak_mib: highest resident memory of its process.
    """

    seconds: float
    peak_mib: int


@dataclass(frozen=True)
class Day:
    """What a day's rollup took.

    :param seconds: from the start of the first task until the day was published.
    :param tasks: what each task took, by its id.
    """

    seconds: float
    tasks: Mapping[str, Measured]

    @property
    def peak_mib(self) -> int:
        """Highest resident memory of its largest task."""
        return max(task.peak_mib for task in self.tasks.values())


class TaskFailedError(RuntimeError):
    """A task of the DAG raised; what it raised is on standard error."""


def run_day(day: date, run_id: str) -> Day:
    """Roll one day up.

    :param day: the UTC day.
    :param run_id: id of the DAG run.
    :raises TaskFailedError: when a task fails.
    """
    from airflow.sdk.definitions.xcom_arg import PlainXComArg

    results: dict[str, Any] = {}
    measured: dict[str, Measured] = {}

    def rendered(value: Any) -> Any:
        if isinstance(value, PlainXComArg):
            return results[value.operator.task_id]
        if isinstance(value, dict):
            return {key: rendered(item) for key, item in value.items()}
        return day.isoformat() if isinstance(value, str) and "dag_run.partition_key" in value else value

    # Loaded anew: rendering puts this run's values into the operators.
    sys.modules.pop("kpi_rollup", None)
    context = {"run_id": run_id, "ti": SimpleNamespace(try_number=1)}
    dag = importlib.import_module("kpi_rollup").rollup_of("token-optimization", "kpi_rollup")
    waiting = {task.task_id: task for task in dag.topological_sort()}
    running: dict[Connection, tuple[str, Any]] = {}
    began, published = time.perf_counter(), 0.0
    while waiting or running:
        for task in [one for one in waiting.values() if one.upstream_task_ids <= results.keys()]:
            del waiting[task.task_id]
            for field in task.template_fields:
                setattr(task, field, rendered(getattr(task, field)))

            def execute(task: Any = task) -> Any:
                return type(task).execute.__wrapped__(task, context)

            answer, process = _start(execute)
            running[answer] = (task.task_id, process)
        for ready in wait(list(running)):
            assert isinstance(ready, Connection)
            name, process = running.pop(ready)
            results[name], measured[name] = _finish(ready, process)
            if name == LAST:
                published = time.perf_counter() - began
    return Day(published, measured)


def apart(work: Callable[[], Any]) -> tuple[Any, Measured]:
    """Run something in a forked process.

    :param work: what to run.
    :return: its result, and what it took without the fork.
    :raises TaskFailedError: when it raises.
    """
    return _finish(*_start(work))


def _start(work: Callable[[], Any]) -> tuple[Connection, Any]:
    forks = multiprocessing.get_context("fork")
    ours, theirs = forks.Pipe(duplex=False)
    process = forks.Process(target=_child, args=(work, theirs))
    process.start()
    theirs.close()
    return ours, process


def _finish(answer: Connection, process: Any) -> tuple[Any, Measured]:
    try:
        result, seconds, peak = answer.recv()
    except EOFError:
        process.join()
        raise TaskFailedError(f"a task ended with exit code {process.exitcode}") from None
    process.join()
    answer.close()
    return result, Measured(seconds, peak)


def _child(work: Callable[[], Any], answer: Connection) -> None:
    began = time.perf_counter()
    # Audit lines go to standard error: standard output is the table alone.
    with contextlib.redirect_stdout(sys.stderr):
        result = work()
    answer.send((result, time.perf_counter() - began, peak_memory()))


def peak_memory() -> int:
    """Return the highest resident memory of this process so far, in MiB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) // 1024 for line in lines if line.startswith("VmHWM"))
