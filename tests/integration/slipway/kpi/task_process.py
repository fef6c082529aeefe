"""One task of the rollup in a process of its own, forked from one that has imported everything already."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests import forks
from tests.integration.slipway.kpi.rollup import execute

BOUND_SECONDS = 60.0


@dataclass(frozen=True)
class Ended:
    """How a task's process ended.

    :param code: its exit code; negative when a signal ended it.
    :param result: the task's XCom.
    """

    code: int | None
    result: Any


class TaskProcess:
    """A started task.

    :param task_id: which task.
    :param results: XComs of the tasks before it.
    :param environment: its connections.
    """

    def __init__(
        self, task_id: str, day: str, attempt: int, results: Mapping[str, Any], environment: Mapping[str, str]
    ) -> None:
        self._answer, self._theirs = forks.CONTEXT.Pipe(duplex=False)
        self._process = forks.CONTEXT.Process(
            target=_run, args=(task_id, day, attempt, dict(results), dict(environment), self._theirs)
        )

    def start(self) -> None:
        """Start it."""
        self._process.start()
        self._theirs.close()

    def kill(self) -> None:
        """End it with SIGKILL; another thread may be in :meth:`wait`, which alone asks how it ended."""
        assert self._process.pid is not None
        os.kill(self._process.pid, signal.SIGKILL)

    def kill_if_alive(self) -> None:
        """End it with SIGKILL, unless it has ended, or is still to be started."""
        if self._process.is_alive():
            self.kill()

    def wait(self) -> Ended:
        """Wait until it has ended."""
        result = None
        if self._answer.poll(BOUND_SECONDS):
            # A killed one has sent nothing; its exit code says so.
            with contextlib.suppress(EOFError):
                result = self._answer.recv()
        self._process.join(BOUND_SECONDS)
        return Ended(self._process.exitcode, result)


def _run(
    task_id: str, day: str, attempt: int, results: dict[str, Any], environment: dict[str, str], answer: Any
) -> None:
    os.environ.update(environment)
    answer.send(execute(task_id, day, attempt, results))
