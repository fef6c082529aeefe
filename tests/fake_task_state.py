"""Airflow's store of a task's state in memory, which outlives a try as the real one does."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any


class FakeTaskState:
    """What ``context["task_state_store"]`` is to a task."""

    def __init__(self) -> None:
        self.kept: dict[str, Any] = {}

    def get(self, key: str, default: Any = None) -> Any:
        return self.kept.get(key, default)

    def set(self, key: str, value: Any) -> None:
        self.kept[key] = value

    def delete(self, key: str) -> None:
        self.kept.pop(key, None)


def asking_task() -> Any:
    """Return what ``context["ti"]`` is to a task that asks a person."""
    return SimpleNamespace(id="0", dag_id="release", run_id="run", task_id="asks")
