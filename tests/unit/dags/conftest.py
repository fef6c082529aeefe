"""The DAG files, each loaded once, with Airflow's own state in a folder of the test session."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from airflow.sdk import DAG

DAG_DIRECTORY = Path(__file__).resolve().parents[3] / "dags"


@pytest.fixture(scope="session")
def dags(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, DAG]:
    """Every DAG of the repository by its id."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRFLOW_HOME", str(tmp_path_factory.mktemp("airflow")))
        patch.setenv("AIRFLOW__CORE__UNIT_TEST_MODE", "True")
        from airflow.sdk import DAG

        found: dict[str, DAG] = {}
        for path in sorted(DAG_DIRECTORY.glob("*.py")):
            spec = importlib.util.spec_from_file_location(f"dag_{path.stem}", path)
            assert spec is not None
            assert spec.loader is not None
            module = importlib.util.module_from_spec(spec)
            sys.modules[spec.name] = module
            spec.loader.exec_module(module)
            found |= {value.dag_id: value for value in vars(module).values() if isinstance(value, DAG)}
            found |= {
                dag.dag_id: dag
                for value in vars(module).values()
                if isinstance(dag := getattr(value, "dag", None), DAG)
            }
    return found
