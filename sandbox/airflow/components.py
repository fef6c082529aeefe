"""Airflow's processes: the database migration, then the components."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from sandbox.airflow.environment import airflow_home, environment, install_local_settings, write_passwords
from sandbox.supervisor.processes import Program, answers, get
from sandbox.supervisor.settings import HOST, REPOSITORY, Settings

# What dies is seen at once: a bound ends only what hangs, also on a machine with other things to do.
MIGRATION_TIMEOUT_SECONDS = 300.0
START_TIMEOUT_SECONDS = 300.0
HEALTHY = "healthy"
HEALTHY_AS = {"scheduler": "scheduler", "triggerer": "triggerer", "dag-processor": "dag_processor"}


def migration(settings: Settings, dags: Path = REPOSITORY / "dags") -> Program:
    """Return the command that makes Airflow's tables; it ends by itself."""
    write_passwords(settings)
    install_local_settings(settings)
    return replace(
        _component(settings, "airflow-migrate", ["db", "migrate"], environment(settings, dags)), ends=True
    )


def ledger_migration(settings: Settings) -> Program:
    """Return the command that makes the release ledger's tables; it ends by itself."""
    return Program(
        name="ledger-migrate",
        command=[sys.executable, "-m", "slipway", "migrate-ledger"],
        ready=lambda: False,
        bound=MIGRATION_TIMEOUT_SECONDS,
        environment={**environment(settings), "PYTHONPATH": str(REPOSITORY / "plugins")},
        folder=airflow_home(settings),
        ends=True,
    )


def api_server(settings: Settings, dags: Path = REPOSITORY / "dags") -> Program:
    """Return the API server, the slowest to start; it may be started before the tables are there.

    It is ready when it can also serve tasks: that part loads at the first request, which would otherwise
    be the first task's.
    """
    url = f"http://{HOST}:{settings.airflow_port}"
    variables = {**environment(settings, dags), "AIRFLOW__DATABASE__CHECK_MIGRATIONS": "False"}
    program = _component(settings, "api-server", ["api-server"], variables)
    return replace(
        program,
        ready=lambda: answers(f"{url}/execution/health") and health(settings).get("metadatabase") == HEALTHY,
    )


def components(settings: Settings, dags: Path = REPOSITORY / "dags") -> list[Program]:
    """Return the other components, which need the tables and can all be started at once.

    :param settings: where the sandbox lives, and its ports.
    :param dags: folder of the DAGs.
    """
    variables = environment(settings, dags)
    # Their own log servers would listen on every interface; sandbox.airflow.log_server takes their place.
    commands = {
        "scheduler": ["scheduler", "--skip-serve-logs"],
        "triggerer": ["triggerer", "--skip-serve-logs"],
        "dag-processor": ["dag-processor"],
    }
    log_server = Program(
        name="airflow-logs",
        command=[sys.executable, "-m", "sandbox.airflow.log_server"],
        ready=lambda: _listening(settings),
        bound=START_TIMEOUT_SECONDS,
        environment=variables,
    )
    return [
        *(_component(settings, name, arguments, variables) for name, arguments in commands.items()),
        log_server,
    ]


def health(settings: Settings, timeout: float = 2.0) -> dict[str, str]:
    """Return Airflow's own view of its components' health; empty when the API does not answer in time."""
    answer = get(f"http://{HOST}:{settings.airflow_port}/api/v2/monitor/health", timeout)
    if answer is None or not answer.is_success:
        return {}
    return {name: str((part or {}).get("status")) for name, part in answer.json().items()}


def _component(settings: Settings, name: str, arguments: list[str], variables: Mapping[str, str]) -> Program:
    return Program(
        name=name,
        command=[sys.executable, "-m", "airflow", *arguments],
        ready=lambda: health(settings).get(HEALTHY_AS.get(name, "metadatabase")) == HEALTHY,
        bound=START_TIMEOUT_SECONDS,
        environment=variables,
        # Not the repository: Airflow's processes must see the project as an installation would show it.
        folder=airflow_home(settings),
    )


def _listening(settings: Settings) -> bool:
    urls = [f"http://{HOST}:{port}/" for port in (settings.worker_log_port, settings.trigger_log_port)]
    return all(get(url) is not None for url in urls)
