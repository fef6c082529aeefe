"""The processes that were started: ``<home>/run/processes.json``, read by ``status`` and ``down``."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from sandbox.supervisor.settings import Settings


@dataclass(frozen=True)
class Record:
    """One started process.

    :param name: its name in the display and of its log.
    :param pid: its process id.
    :param created: when the process was made (Unix seconds), so that a reused id is not taken for it.
    :param stop_signal: number of the signal that asks it to stop.
    """

    name: str
    pid: int
    created: float
    stop_signal: int

    def process(self) -> psutil.Process | None:
        """Return the process while it lives."""
        try:
            process = psutil.Process(self.pid)
            alive = process.create_time() == self.created and process.status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return None
        return process if alive else None


def path(settings: Settings) -> Path:
    """Return the file of the records."""
    return settings.run / "processes.json"


def read(settings: Settings) -> list[Record]:
    """Return the records in the order the processes were started; none when nothing was."""
    file = path(settings)
    return [Record(**record) for record in json.loads(file.read_text())] if file.exists() else []


def append(settings: Settings, record: Record) -> None:
    """Add a record; a reader sees the file before or after, never half of it."""
    _write(settings, [*read(settings), record])


def replace(settings: Settings, record: Record) -> None:
    """Take the place of the record with the same name: its process has ended, and was started again."""
    _write(settings, [*(known for known in read(settings) if known.name != record.name), record])


def _write(settings: Settings, every: Iterable[Record]) -> None:
    file = path(settings)
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_suffix(".draft")
    draft.write_text(json.dumps([asdict(record) for record in every], indent=1))
    draft.replace(file)
