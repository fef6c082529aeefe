"""What Airflow's components import when they start."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from slipway.paths import INCLUDE
from slipway.preload import LIBRARIES

SETTINGS = INCLUDE / "airflow" / "airflow_local_settings.py"
# As Airflow imports them: by name, and asking for what they set.
PROGRAM = """
import json, sys
sys.argv = ["airflow", sys.argv[1]]
import airflow_local_settings
print(json.dumps({"set": airflow_local_settings.__all__, "modules": list(sys.modules)}))
"""


def started(component: str) -> dict[str, list[str]]:
    """What the settings set, and all that is imported after them."""
    command = [sys.executable, "-c", PROGRAM, component]
    path = ":".join([str(SETTINGS.parent), *sys.path])
    ended = subprocess.run(command, env={"PYTHONPATH": path}, capture_output=True, text=True, check=True)
    loaded: dict[str, list[str]] = json.loads(ended.stdout.splitlines()[-1])
    return loaded


def test_the_scheduler_has_imported_what_tasks_take_longest_to() -> None:
    loaded = started("scheduler")
    assert {*LIBRARIES, "great_expectations"} <= set(loaded["modules"])
    own = {name for name in loaded["modules"] if name.startswith("slipway.")}
    # A task imports the project's modules itself, and so what they are by then.
    assert own == {"slipway.preload"}
    assert loaded["set"] == []


@pytest.mark.parametrize("component", ["api-server", "dag-processor", "triggerer"])
def test_no_other_component_imports_them(component: str) -> None:
    assert not {"airflow", "great_expectations", "slipway"} & set(started(component)["modules"])
