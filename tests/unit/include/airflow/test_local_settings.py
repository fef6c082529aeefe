"""What Airflow's components import when they start."""

from __future__ import annotations

import json
import runpy
import subprocess
import sys

import pytest
from slipway.paths import INCLUDE, REPOSITORY
from slipway.preload import LIBRARIES

SETTINGS = INCLUDE / "airflow" / "airflow_local_settings.py"
DAGS = REPOSITORY / "dags"
# As Airflow imports them: by name, and asking for what they set.
PROGRAM = """
import json, sys
sys.argv, then = ["airflow", sys.argv[1]], sys.argv[2:]
import airflow_local_settings
found = {"set": airflow_local_settings.__all__, "modules": list(sys.modules)}
for name in then:
    __import__(name)
print(json.dumps(found | {"with_dags": list(sys.modules)}))
"""


def started(component: str, *dags: str) -> dict[str, list[str]]:
    """What the settings set, and all that is imported after them, and after DAG files."""
    command = [sys.executable, "-c", PROGRAM, component, *dags]
    path = ":".join([str(SETTINGS.parent), str(DAGS), *sys.path])
    ended = subprocess.run(command, env={"PYTHONPATH": path}, capture_output=True, text=True, check=True)
    loaded: dict[str, list[str]] = json.loads(ended.stdout.splitlines()[-1])
    return loaded


def test_the_scheduler_has_imported_what_tasks_take_longest_to() -> None:
    loaded = started("scheduler", "release", "rollback")
    assert {*LIBRARIES, "great_expectations"} <= set(loaded["modules"])
    imported_by_a_task = set(loaded["with_dags"]) - set(loaded["modules"])
    assert {name for name in imported_by_a_task if name.startswith("slipway")} == set()
    assert loaded["set"] == []


@pytest.mark.parametrize("words", [("scheduler",), ("celery", "worker", "--concurrency", "8")])
def test_whose_forks_run_tasks_imports_for_them(
    words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    imported: list[bool] = []
    monkeypatch.setattr(sys, "argv", ["airflow", *words])
    monkeypatch.setattr("slipway.preload.import_for_tasks", lambda: imported.append(True))
    runpy.run_path(str(SETTINGS))
    assert imported == [True]


@pytest.mark.parametrize("component", ["api-server", "dag-processor", "triggerer"])
def test_no_other_component_imports_them(component: str) -> None:
    assert not {"airflow", "great_expectations", "slipway"} & set(started(component)["modules"])
