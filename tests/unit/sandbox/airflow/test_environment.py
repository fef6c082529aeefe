"""The environment of Airflow's components."""

from __future__ import annotations

import json
import re
import stat
from pathlib import Path
from typing import Any

import pytest
from slipway.paths import INCLUDE

from sandbox.airflow.environment import (
    environment,
    install_local_settings,
    passwords_file,
    write_passwords,
)
from sandbox.supervisor import credentials
from sandbox.supervisor.settings import REPOSITORY, Settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A sandbox that has its credentials."""
    made = Settings(home=tmp_path, port_base=20000)
    credentials.create(made)
    return made


@pytest.fixture
def variables(settings: Settings) -> dict[str, str]:
    """The variables."""
    return environment(settings)


def connection(variables: dict[str, str], name: str) -> dict[str, Any]:
    return dict(json.loads(variables[f"AIRFLOW_CONN_{name.upper()}"]))


def test_every_address_is_on_loopback(variables: dict[str, str]) -> None:
    hosts = [host for value in variables.values() for host in re.findall(r"https?://([^:/\"]+)", value)]
    assert set(hosts) == {"127.0.0.1"}
    assert variables["AIRFLOW__API__HOST"] == "127.0.0.1"
    assert "@127.0.0.1:20003/airflow" in variables["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"]


def test_google_connection_points_at_the_stand_ins(variables: dict[str, str]) -> None:
    google = connection(variables, "google_cloud_default")
    assert google["conn_type"] == "google_cloud_platform"
    assert google["extra"] == {
        "project": "sandbox-production",
        "is_anonymous": True,
        "gcs.endpoint": "http://127.0.0.1:20001",
        "api_endpoints": dict.fromkeys(
            ("run", "secretmanager", "sqladmin", "compute", "redis", "storage", "monitoring"),
            "http://127.0.0.1:20001",
        ),
    }


@pytest.mark.parametrize(
    ("name", "database"),
    [
        ("slipway_ledger", "slipway"),
        ("netra_production_db", "netra_production"),
        ("netra_staging_db", "netra_staging"),
    ],
)
def test_database_connections(
    variables: dict[str, str], settings: Settings, name: str, database: str
) -> None:
    assert connection(variables, name) == {
        "conn_type": "postgres",
        "host": "127.0.0.1",
        "port": 20003,
        "login": "slipway",
        "password": credentials.load(settings).postgres_password,
        "schema": database,
    }


def test_other_connections(variables: dict[str, str], settings: Settings) -> None:
    assert connection(variables, "slipway_promql") == {"conn_type": "http", "host": settings.prometheus_url}
    clickhouse = connection(variables, "slipway_clickhouse")
    assert (clickhouse["port"], clickhouse["login"], clickhouse["schema"]) == (20004, "slipway", "kpi")


def test_project_s_folders_and_policy(variables: dict[str, str], tmp_path: Path) -> None:
    assert variables["AIRFLOW__CORE__DAGS_FOLDER"] == str(REPOSITORY / "dags")
    assert variables["AIRFLOW__CORE__PLUGINS_FOLDER"] == str(REPOSITORY / "plugins")
    assert variables["SLIPWAY_POLICY"] == "sandbox.yaml"


def test_other_dags_can_be_run(settings: Settings, tmp_path: Path) -> None:
    assert environment(settings, dags=tmp_path)["AIRFLOW__CORE__DAGS_FOLDER"] == str(tmp_path)


def test_nothing_is_reported_to_anybody(variables: dict[str, str]) -> None:
    assert variables["AIRFLOW__USAGE_DATA_COLLECTION__ENABLED"] == "False"


def test_every_role_has_a_user(variables: dict[str, str]) -> None:
    users = variables["AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS"]
    assert users == "admin:admin,manager:user,approver:user,viewer:viewer"


def test_passwords_are_private(settings: Settings) -> None:
    write_passwords(settings)
    path = passwords_file(settings)
    passwords = json.loads(path.read_text())
    assert list(passwords) == ["admin", "manager", "approver", "viewer"]
    assert passwords["admin"] == credentials.load(settings).airflow_password
    assert len(set(passwords.values())) == len(passwords)
    write_passwords(settings)
    assert json.loads(path.read_text()) == passwords, "started again, everybody keeps theirs"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_components_have_the_local_settings(settings: Settings) -> None:
    install_local_settings(settings)
    installed = settings.home / "airflow" / "config" / "airflow_local_settings.py"
    assert installed.read_text() == (INCLUDE / "airflow" / "airflow_local_settings.py").read_text()
