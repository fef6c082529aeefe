"""What every DAG must be: documented, owned, quick to parse, and silent towards the outside."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow.sdk import DAG

REPOSITORY = Path(__file__).resolve().parents[3]
DAG_FILES = sorted((REPOSITORY / "dags").glob("*.py"))
PARSE_SECONDS = 1.0

# Airflow itself is imported first, as the DAG processor has it, and each file is parsed in a fork, as the DAG
# processor does; any use of a socket ends the parse.
_PARSE = """
import os, runpy, socket, sys, time
import airflow.sdk, airflow.providers.standard.operators.empty, airflow.timetables.base

def refuse(*arguments, **keywords):
    raise AssertionError("a DAG file reached outside while it was parsed")

socket.socket.connect = socket.create_connection = socket.getaddrinfo = refuse
for path in sys.argv[1:]:
    parser = os.fork()
    if not parser:
        began = time.process_time()
        runpy.run_path(path)
        print(path, time.process_time() - began)
        sys.exit()
    _, status = os.waitpid(parser, 0)
    if status:
        sys.exit(f"{path} cannot be parsed")
"""


def test_a_dag_file_parses_quickly_and_touches_nothing_outside(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _PARSE, *map(str, DAG_FILES)],
        env={
            "PYTHONPATH": str(REPOSITORY / "plugins"),
            "AIRFLOW_HOME": str(tmp_path),
            "PATH": "/usr/bin:/bin",
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    parsed = dict(
        line.rsplit(" ", 1) for line in done.stdout.splitlines() if line.endswith(tuple("0123456789"))
    )
    assert set(parsed) == {str(path) for path in DAG_FILES}
    assert {path: seconds for path, seconds in parsed.items() if float(seconds) >= PARSE_SECONDS} == {}


def test_the_dags_that_people_expect(dags: Mapping[str, DAG]) -> None:
    assert set(dags) == {
        "release",
        "release_regions",
        "release_watchdog",
        "maintenance",
        "rollback",
        "kpi_rollup",
        "kpi_late_data",
    }


def test_every_dag_is_documented_owned_and_without_a_run_timeout(dags: Mapping[str, DAG]) -> None:
    for name, dag in dags.items():
        dag.check_cycle()
        assert dag.doc_md, name
        assert dag.tags, name
        # A run timeout would skip the rollback and the teardown with everything else.
        assert dag.dagrun_timeout is None, name
        for task in dag.tasks:
            assert task.owner not in ("", "airflow"), task.task_id


def test_dag_files_hold_no_logic() -> None:
    for path in DAG_FILES:
        text = path.read_text()
        assert len(text.splitlines()) <= 200, path
        assert "sandbox" not in text


def test_the_product_never_imports_the_sandbox() -> None:
    for folder in ("dags", "plugins"):
        for path in (REPOSITORY / folder).rglob("*.py"):
            lines = path.read_text().splitlines()
            assert not [
                line for line in lines if line.lstrip().startswith(("import sandbox", "from sandbox"))
            ]


def test_analysis_and_policy_know_neither_airflow_nor_google_nor_the_network() -> None:
    check = (
        "import sys, slipway.analysis.bake, slipway.analysis.staging;"
        "import slipway.policy.release, slipway.ledger.plan;"
        "outside = ('airflow', 'google.api_core', 'httpx', 'requests', 'psycopg');"
        "print([name for name in outside if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", check],
        env={"PYTHONPATH": str(REPOSITORY / "plugins")},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout.strip() == "[]"
