"""Where Great Expectations' Data Docs are kept."""

from __future__ import annotations

import os
from pathlib import Path

VARIABLE = "SLIPWAY_DATA_DOCS"


def folder() -> Path:
    """Return the folder that the environment names, or ``data_docs`` in Airflow's home.

    Below it each day has ``source`` and ``warehouse``, each as its last run left it.
    """
    named = os.environ.get(VARIABLE)
    if named:
        return Path(named)
    return Path(os.environ.get("AIRFLOW_HOME", str(Path.home() / "airflow"))) / "data_docs"
