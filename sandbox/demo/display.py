"""The progress display: one line for whatever changed."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

from rich.console import Console
from rich.markup import escape

from sandbox.demo.airflow_client import RunState
from sandbox.demo.record import traffic_steps
from sandbox.supervisor.settings import Settings

_SHOWN = {"running": "…", "deferred": "… watching", "success": "✓", "failed": "✗"}


class Follower(Protocol):
    """Gets the state of a run about every second until it has ended."""

    def show(self, state: RunState) -> None:
        """Take what is new."""


class Progress:
    """Prints what changes in a run: tasks that begin and end, and the traffic.

    :param console: where to print.
    :param settings: the sandbox.
    :param service: the Cloud Run service whose traffic is shown.
    """

    def __init__(self, console: Console, settings: Settings, *, service: str) -> None:
        self._console = console
        self._settings = settings
        self._service = service
        self._began = time.monotonic()
        self._tasks: dict[str, str | None] = {}
        self._steps = len(traffic_steps(settings, service))

    def show(self, state: RunState) -> None:
        """Print what is new."""
        for task, value in state.tasks.items():
            if value != self._tasks.get(task) and value in _SHOWN and value != "running":
                self._line(f"{_SHOWN[value]} {escape(task)}")
        self._tasks = dict(state.tasks)
        steps = traffic_steps(self._settings, self._service)
        for step in steps[self._steps :]:
            split = ", ".join(f"{revision} {percent} %" for revision, percent in step.split.items())
            self._line(f"[bold]traffic[/bold] {split}")
        self._steps = len(steps)

    def _line(self, text: str) -> None:
        self._console.print(f"  {time.monotonic() - self._began:5.0f} s  {text}", highlight=False)


class ProgressThen(Progress):
    """Does something once, as soon as a task of the run has succeeded.

    :param console: where to print.
    :param settings: where the sandbox lives, and its ports.
    :param service: name of the service.
    :param after: id of the task.
    :param start: starts another run and returns its id, which is then in ``run_id``.
    """

    def __init__(
        self, console: Console, settings: Settings, *, service: str, after: str, start: Callable[[], str]
    ) -> None:
        super().__init__(console, settings, service=service)
        self._after = after
        self._start = start
        self.run_id: str | None = None

    def show(self, state: RunState) -> None:
        """Print what is new, and start the other run when its time has come."""
        super().show(state)
        if self.run_id is None and state.tasks.get(self._after) == "success":
            self.run_id = self._start()
