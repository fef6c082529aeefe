"""The table of faults: what was done to which task, and how it ended."""

from __future__ import annotations

from dataclasses import dataclass

from rich.table import Table

ROWS: list[Row] = []


@dataclass(frozen=True)
class Row:
    """One fault that was injected, once its end has been checked.

    :param runs: how often the task was run, the rollback's runs included.
    """

    task: str
    fault: str
    runs: int
    ends: str


def add(task: str, fault: str, runs: int, ends: str) -> None:
    """Add a row."""
    ROWS.append(Row(task, fault, runs, ends))


def drawn() -> Table:
    """Draw the table."""
    table = Table("task", "fault", "runs", "ends", title=f"{len(ROWS)} faults, each ends as its record says")
    for row in ROWS:
        table.add_row(row.task, row.fault, str(row.runs), row.ends)
    return table
