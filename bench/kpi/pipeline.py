"""The rollup DAG's tasks in their order, each in a process of its own, as Airflow runs them."""

from __future__ import annotations

import contextlib
import importlib
import multiprocessing
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from multiprocessing.connection import Connection
from pathlib import Path
from types import SimpleNamespace
from typing import Any


@dataclass(frozen=True)
class Measured:
    """What something took.

    :param peak_mib: highest resident memory of its process.
    """

    seconds: float
    peak_mib: int


class TaskFailedError(RuntimeError):
    """A task of the DAG raised; what it raised is on standard error."""


def run_day(day: date, run_id: str) -> dict[str, Measured]:
    """Roll one day up.

    :returns: what each task took, by its id.
    :raises TaskFailedError: when one fails.
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
    for task in importlib.import_module("kpi_rollup").dag.topological_sort():
        for field in task.template_fields:
            setattr(task, field, rendered(getattr(task, field)))

        def execute(task: Any = task) -> Any:
            return type(task).execute.__wrapped__(task, context)

        results[task.task_id], measured[task.task_id] = apart(execute)
    return measured


def apart(work: Callable[[], Any]) -> tuple[Any, Measured]:
    """Run something in a forked process.

    :returns: its result, and what it took without the fork.
    :raises TaskFailedError: when it raises.
    """
    forks = multiprocessing.get_context("fork")
    ours, theirs = forks.Pipe(duplex=False)
    process = forks.Process(target=_child, args=(work, theirs))
    process.start()
    theirs.close()
    try:
        result, seconds, peak = ours.recv()
    except EOFError:
        process.join()
        raise TaskFailedError(f"a task ended with exit code {process.exitcode}") from None
    process.join()
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
