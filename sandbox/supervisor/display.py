"""The progress of ``up``: one line per step with its seconds."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from rich.console import Console
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table


@dataclass
class _Step:
    began: float
    seconds: float | None = None
    failed: bool = False


class Display:
    """Steps with their seconds: live on a terminal, a plain line per finished step elsewhere.

    :param console: where to write.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._steps: dict[str, _Step] = {}
        self._began = time.monotonic()

    @property
    def elapsed(self) -> float:
        """Seconds since the display was made."""
        return time.monotonic() - self._began

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Keep the live view on the terminal while the block runs."""
        if not self._console.is_terminal:
            yield
            return
        with Live(console=self._console, get_renderable=self._table, refresh_per_second=8):
            yield

    def begin(self, name: str) -> None:
        """Show that a step has begun."""
        self._steps[name] = _Step(began=time.monotonic())

    def end(self, name: str, *, failed: bool = False) -> None:
        """Show that a step has ended."""
        step = self._steps[name]
        step.seconds, step.failed = time.monotonic() - step.began, failed
        if not self._console.is_terminal:
            word = "failed" if failed else "ready"
            self._console.print(f"{name:16} {word:7} {step.seconds:6.1f} s", highlight=False)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Show the block as one step."""
        self.begin(name)
        try:
            yield
        except BaseException:
            self.end(name, failed=True)
            raise
        self.end(name)

    def _table(self) -> Table:
        table = Table.grid(padding=(0, 2))
        for name, step in self._steps.items():
            seconds = time.monotonic() - step.began if step.seconds is None else step.seconds
            mark: Spinner | str = Spinner("dots") if step.seconds is None else "[green]✓"
            table.add_row("[red]✗" if step.failed else mark, name, f"{seconds:5.1f} s")
        return table
