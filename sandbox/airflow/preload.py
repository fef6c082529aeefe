"""Modules the scheduler imports once, so that the tasks it forks need not import them again each.

A task of a release spends most of its time importing Google's clients. LocalExecutor's workers are forks of
the scheduler and each task is a fork of a worker: what the scheduler has imported, every task has.
"""

from __future__ import annotations

from sandbox.airflow.environment import airflow_home
from sandbox.settings import Settings

# Libraries alone: the project's own modules are imported by each task, so that a change is seen at once.
MODULES = (
    "airflow.providers.google.cloud.hooks.cloud_sql",
    "airflow.providers.google.common.hooks.base_google",
    "airflow.providers.postgres.hooks.postgres",
    "google.cloud.run_v2",
    "google.cloud.secretmanager_v1",
    "numpy",
)


def write(settings: Settings) -> None:
    """Write the local settings that Airflow's components import when they start."""
    path = airflow_home(settings) / "config" / "airflow_local_settings.py"
    path.parent.mkdir(parents=True, exist_ok=True)
    imports = "\n".join(f"    import {module}  # noqa: F401" for module in MODULES)
    path.write_text(f'import sys\n\nif "scheduler" in sys.argv:\n{imports}\n')
