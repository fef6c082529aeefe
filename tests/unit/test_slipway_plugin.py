"""The plugin: found by Airflow once, cheap in every process, and asked for its page only by a request."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
LOAD_SECONDS = 0.15

# The plugins as the process loads them, after what it has imported anyway.
_LOAD = """
import json, sys, time
import airflow.sdk, airflow.settings, airflow.{manager} as manager
before = set(sys.modules)
began = time.process_time()
plugins, errors = manager._get_plugins()
seconds = time.process_time() - began
own = [plugin for plugin in plugins if str(plugin.source).endswith("slipway_plugin.py")]
print(json.dumps({{
    "names": [plugin.name for plugin in own],
    "errors": errors,
    "views": own[0].external_views,
    "prefixes": [app["url_prefix"] for app in own[0].fastapi_apps],
    "modules": sorted(set(sys.modules) - before),
    "seconds": seconds,
}}))
"""


@pytest.fixture(scope="module")
def load(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., dict[str, Any]]:
    """Load the plugins in a process of their own, once for each way to do it."""
    home = tmp_path_factory.mktemp("airflow")
    return cache(lambda manager, **variables: loaded(manager, home, **variables))


def loaded(manager: str, home: Path, **variables: str) -> dict[str, Any]:
    """Load the plugins in a process of their own and return what came of it."""
    done = subprocess.run(
        [sys.executable, "-c", _LOAD.format(manager=manager)],
        env={
            "PATH": os.environ["PATH"],
            "AIRFLOW_HOME": str(home),
            "AIRFLOW__CORE__PLUGINS_FOLDER": str(REPOSITORY / "plugins"),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            **variables,
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.mark.parametrize("manager", ["plugins_manager", "sdk.plugins_manager"])
def test_every_process_loads_one_small_file(manager: str, load: Callable[..., dict[str, Any]]) -> None:
    found = load(manager)
    assert (found["names"], found["errors"], found["prefixes"]) == (["slipway"], {}, ["/slipway"])
    assert "slipway_plugin" in found["modules"]
    own = {
        "slipway",
        "jinja2",
        "fastapi",
        "starlette",
        "psycopg",
        "clickhouse_connect",
        "matplotlib",
        "numpy",
    }
    assert sorted({name for name in found["modules"] if name.partition(".")[0] in own}) == []
    assert found["seconds"] < LOAD_SECONDS


def test_the_views_lead_below_airflows_own_address(load: Callable[..., dict[str, Any]]) -> None:
    plain = load("plugins_manager")["views"]
    assert [(view["destination"], view["url_route"], view["href"]) for view in plain] == [
        ("nav", "releases", "/slipway/releases"),
        ("dag_run", "release", "/slipway/dags/{DAG_ID}/runs/{RUN_ID}"),
    ]
    below = load("plugins_manager", AIRFLOW__API__BASE_URL="https://a.example/airflow/")["views"]
    assert [view["href"] for view in below] == [
        "/airflow/slipway/releases",
        "/airflow/slipway/dags/{DAG_ID}/runs/{RUN_ID}",
    ]
