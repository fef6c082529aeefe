"""The environment variables that make an Airflow component part of the sandbox."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from sandbox.cloud import team_room
from sandbox.databases import postgres
from sandbox.supervisor import credentials, repository
from sandbox.supervisor.credentials import Credentials
from sandbox.supervisor.settings import HOST, REPOSITORY, Settings

USER = "admin"
#: Airflow's users and their roles: ``user`` may trigger and answer, ``viewer`` only reads. Who may answer
#: which question is the release policy's.
ROLES = {USER: "admin", "manager": "user", "approver": "user", "viewer": "viewer"}
CLICKHOUSE_USER = "slipway"
CLICKHOUSE_DATABASE = "kpi"
PROJECT = "sandbox-production"
REPORTS = "gs://google_cloud_default@netra-production-reports/reports"
GOOGLE_APIS = ("run", "secretmanager", "sqladmin", "compute", "redis", "storage", "monitoring")


def airflow_home(settings: Settings) -> Path:
    """Return the folder Airflow keeps its own files in."""
    return settings.home / "airflow"


def passwords_file(settings: Settings) -> Path:
    """Return the file Airflow's simple auth manager reads the users' passwords from."""
    return airflow_home(settings) / "passwords.json"


def environment(settings: Settings, dags: Path = REPOSITORY / "dags") -> dict[str, str]:
    """Return every variable of an Airflow component, on top of the sandbox's own.

    :param settings: where the sandbox lives, and its ports.
    :param dags: folder of the DAGs.
    :raises FileNotFoundError: when the sandbox has no credentials yet.
    """
    keys = credentials.load(settings)
    options = {
        f"AIRFLOW__{section.upper()}__{option.upper()}": value
        for section, values in _options(settings, keys, dags).items()
        for option, value in values.items()
    }
    connections = {
        f"AIRFLOW_CONN_{name.upper()}": json.dumps(value)
        for name, value in _connections(settings, keys).items()
    }
    return {
        "AIRFLOW_HOME": str(airflow_home(settings)),
        "SLIPWAY_POLICY": "sandbox.yaml",
        "SLIPWAY_DATA_DOCS": str(settings.home / "data_docs"),
        "SLIPWAY_REPORTS": REPORTS,
        # Else gcsfs asks Google for the bucket's kind over gRPC.
        "GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT": "false",
        "SLIPWAY_ANCHORS": str(settings.home / "anchors"),
        "SLIPWAY_ROLLBACK_RECORDS": str(settings.home / "rollback_records"),
        "SLIPWAY_REGISTRY_PORT": str(settings.registry_port),
        "SCARF_ANALYTICS": "false",
        "DO_NOT_TRACK": "1",
        **options,
        **connections,
    }


def write_passwords(settings: Settings) -> None:
    """Give each of Airflow's users a password, in a file only its owner can read."""
    path = passwords_file(settings)
    path.parent.mkdir(parents=True, exist_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump({user: password(settings, user) for user in ROLES}, file)


def password(settings: Settings, user: str) -> str:
    """Return the password of one of Airflow's users.

    :param settings: the sandbox.
    :param user: one of :data:`ROLES`.
    """
    keys = credentials.load(settings)
    return keys.airflow_password if user == USER else keys.password_of(user)


def install_local_settings(settings: Settings) -> None:
    """Put the project's local settings where Airflow's components import them from when they start."""
    folder = airflow_home(settings) / "config"
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(REPOSITORY / "include" / "airflow" / "airflow_local_settings.py", folder)


def _options(settings: Settings, keys: Credentials, dags: Path) -> Mapping[str, Mapping[str, str]]:
    url = f"http://{HOST}:{settings.airflow_port}"
    logs = settings.logs / "airflow"
    return {
        "core": {
            "dags_folder": str(dags),
            "plugins_folder": str(REPOSITORY / "plugins"),
            "executor": "LocalExecutor",
            "parallelism": "6",
            "max_active_tasks_per_dag": "6",
            "load_examples": "False",
            "dags_are_paused_at_creation": "False",
            "fernet_key": keys.airflow_fernet_key,
            "simple_auth_manager_users": ",".join(f"{user}:{role}" for user, role in ROLES.items()),
            "simple_auth_manager_passwords_file": str(passwords_file(settings)),
            "execution_api_server_url": f"{url}/execution/",
            # Airflow finds a worker's log server by this name; the function answers 127.0.0.1.
            "hostname_callable": "urllib.request.localhost",
            "min_serialized_dag_update_interval": "5",
            "min_serialized_dag_fetch_interval": "1",
        },
        "api": {
            "host": HOST,
            "port": str(settings.airflow_port),
            "base_url": url,
            "workers": "1",
            "secret_key": keys.airflow_secret_key,
            "instance_name": "Slipway sandbox",
            "expose_config": "False",
        },
        "api_auth": {"jwt_secret": keys.airflow_secret_key},
        "database": {
            "sql_alchemy_conn": postgres.uri(settings, "airflow").replace("://", "+psycopg2://", 1),
        },
        "logging": {
            "base_log_folder": str(logs / "tasks"),
            "dag_processor_child_process_log_directory": str(logs / "dag_processor"),
            "worker_log_server_port": str(settings.worker_log_port),
            "trigger_log_server_port": str(settings.trigger_log_port),
            "colored_console_log": "False",
        },
        "scheduler": {
            # A task that ends while the scheduler sleeps waits for it: this is the time between two tasks.
            "scheduler_idle_sleep_time": "0.2",
            "scheduler_heartbeat_sec": "2",
            "job_heartbeat_sec": "2",
            "trigger_timeout_check_interval": "2",
            "catchup_by_default": "False",
        },
        "triggerer": {"capacity": "100", "job_heartbeat_sec": "2"},
        "dag_processor": {
            "refresh_interval": "5",
            # A changed file is parsed at the next refresh all the same; an unchanged one need not be.
            "min_file_process_interval": "300",
            "parsing_processes": "1",
            "print_stats_interval": "0",
        },
        "usage_data_collection": {"enabled": "False"},
    }


def _connections(settings: Settings, keys: Credentials) -> Mapping[str, Mapping[str, object]]:
    google = f"http://{HOST}:{settings.google_port}"
    databases = {
        "slipway_ledger": "slipway",
        "netra_production_db": "netra_production",
        "netra_staging_db": "netra_staging",
        "netra_rehearsal_db": "netra_rehearsal",
    }
    return {
        "google_cloud_default": {
            "conn_type": "google_cloud_platform",
            "extra": {
                "project": PROJECT,
                "is_anonymous": True,
                # Where Airflow's object storage finds its buckets: a name of Airflow's Google provider.
                "gcs.endpoint": google,
                "api_endpoints": dict.fromkeys(GOOGLE_APIS, google),
            },
        },
        **{
            name: {
                "conn_type": "postgres",
                "host": HOST,
                "port": settings.postgres_port,
                "login": postgres.SUPERUSER,
                "password": keys.postgres_password,
                "schema": database,
            }
            for name, database in databases.items()
        },
        "slipway_clickhouse": {
            "conn_type": "clickhouse",
            "host": HOST,
            "port": settings.clickhouse_port,
            "login": CLICKHOUSE_USER,
            "password": keys.clickhouse_password,
            "schema": CLICKHOUSE_DATABASE,
        },
        "slipway_promql": {"conn_type": "http", "host": settings.prometheus_url},
        "slipway_team": team_room.connection(google),
        "slipway_airflow": {
            "conn_type": "http",
            "host": f"http://{HOST}:{settings.airflow_port}",
            "login": USER,
            "password": keys.airflow_password,
        },
        "slipway_git": {"conn_type": "git", "host": str(repository.path(settings))},
    }
