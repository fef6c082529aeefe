"""Structured log fields that Airflow's supervisor can pass on."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from slipway.paths import INCLUDE

PLUGINS = INCLUDE.parent / "plugins" / "slipway"
#: The supervisor hands a task's log fields on as keywords beside these; one of the same name ends the task.
TAKEN = {"target", "level", "msg"}
LOGGERS = {"debug", "info", "warning", "error", "exception", "record"}


def fields(path: Path) -> Iterator[tuple[int, str]]:
    """Yield line and name of every field given to a logger or to ``record``."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in LOGGERS:
            yield from ((node.lineno, keyword.arg) for keyword in node.keywords if keyword.arg)


def test_no_log_field_has_a_name_that_the_supervisor_takes_for_itself() -> None:
    found = [(path, *field) for path in PLUGINS.rglob("*.py") for field in fields(path)]
    assert len(found) > 30
    assert [entry for entry in found if entry[2] in TAKEN] == []
