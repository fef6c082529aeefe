"""Secrets as files: made once, kept, and usable whatever a password holds."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from sqlalchemy.engine import make_url

from compose import secrets
from compose.secrets import DEFAULT_USERS, EXAMPLE, SecretsIncompleteError, variable, write_secrets

REPOSITORY = Path(__file__).resolve().parents[3]
ODD = "a@b/c%d:e$f#g?h&i\"j'k\\l é{m}[n]"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder in which the person's part is filled in."""
    made = tmp_path / "secrets"
    made.mkdir()
    (made / "connections.json").write_text(EXAMPLE.read_text().replace("CHANGE-ME", "filled-in"))
    return made


def test_what_is_made_up_is_kept(folder: Path) -> None:
    write_secrets(folder)
    first = {path.name: path.read_text() for path in folder.rglob("*") if path.is_file()}
    write_secrets(folder)
    assert {path.name: path.read_text() for path in folder.rglob("*") if path.is_file()} == first
    assert len({first[name] for name in ("postgres_password", "clickhouse_password", "jwt_secret")}) == 3


def test_only_the_owner_enters_the_folder_and_every_container_reads_the_files(folder: Path) -> None:
    write_secrets(folder)
    assert folder.stat().st_mode & 0o777 == 0o700
    files = [path for path in folder.rglob("*") if path.is_file() and path.name != "connections.json"]
    assert {path.stat().st_mode & 0o777 for path in files} == {0o644}


def test_a_user_keeps_the_password_and_a_new_one_gets_one(folder: Path) -> None:
    write_secrets(folder, "ann:admin")
    before = json.loads((folder / "airflow_passwords.json").read_text())
    write_secrets(folder, "ann:admin, bob:op")
    after = json.loads((folder / "airflow_passwords.json").read_text())
    assert set(before) == {"ann", "auditor"}
    assert set(after) == {"ann", "auditor", "bob"}
    assert {name: after[name] for name in before} == before


def test_the_users_are_those_of_the_environment_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AIRFLOW_USERS", raising=False)
    assert variable("AIRFLOW_USERS", DEFAULT_USERS, tmp_path / ".env") == DEFAULT_USERS
    (tmp_path / ".env").write_text("# AIRFLOW_USERS=no:one\nAIRFLOW_USERS=ann:admin,bob:op\n")
    assert variable("AIRFLOW_USERS", DEFAULT_USERS, tmp_path / ".env") == "ann:admin,bob:op"


def test_with_the_sandboxs_profile_nothing_is_left_to_a_person(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AIRFLOW_USERS", "COMPOSE_PROFILES", "SLIPWAY_SECRETS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(secrets, "REPOSITORY", tmp_path)
    (tmp_path / ".env").write_text((REPOSITORY / "compose" / "sandbox.env").read_text())
    assert secrets.main() == 0
    folder = tmp_path / "secrets" / "sandbox"
    derived = json.loads((folder / "derived" / "connections.json").read_text())
    password = json.loads((folder / "derived" / "sandbox.json").read_text())["postgres_password"]
    assert derived["netra_production_db"]["password"] == password
    assert derived["netra_production_db"]["password"] != derived["slipway_ledger"]["password"]
    assert derived["slipway_ledger"]["host"] == "postgres"
    assert not (folder / "connections.json").exists()


@pytest.mark.parametrize(
    ("connections", "words"),
    [
        ("{", "is not JSON"),
        ("{}", "lacks google_cloud_default, slipway_promql"),
        (EXAMPLE.read_text(), "replace CHANGE-ME in google_cloud_default"),
    ],
)
def test_what_only_a_person_can_fill_in_is_named(folder: Path, connections: str, words: str) -> None:
    (folder / "connections.json").write_text(connections)
    with pytest.raises(SecretsIncompleteError, match=words):
        write_secrets(folder)


def test_airflow_and_the_product_get_a_password_with_any_character(folder: Path) -> None:
    for name in ("postgres_password", "clickhouse_password", "redis_password"):
        (folder / name).write_text(ODD + "\n")
    write_secrets(folder)
    assert make_url((folder / "derived" / "airflow_database").read_text()).password == ODD
    environment = airflow_environment(folder)
    program = (
        "import json, sys\n"
        "from airflow.configuration import conf\n"
        "from airflow.providers.postgres.hooks.postgres import PostgresHook\n"
        "from airflow.sdk import BaseHook\n"
        "from kombu import Connection\n"
        "from slipway.kpi.warehouse import warehouse_uri\n"
        "from slipway.hooks.metrics.promql import base_url\n"
        "from sqlalchemy.engine import make_url\n"
        "json.dump({\n"
        "    'airflow': make_url(conf.get('database', 'sql_alchemy_conn')).password,\n"
        "    'key': conf.get('core', 'fernet_key'),\n"
        "    'queue': Connection(conf.get('celery', 'broker_url')).password,\n"
        "    'results': make_url(conf.get('celery', 'result_backend').removeprefix('db+')).password,\n"
        "    'ledger': BaseHook.get_connection('slipway_ledger').password,\n"
        "    'source': make_url(PostgresHook(postgres_conn_id='slipway_ledger').get_uri()).password,\n"
        "    'warehouse': make_url(warehouse_uri('slipway_clickhouse')).password,\n"
        "    'promql': base_url(BaseHook.get_connection('slipway_promql')),\n"
        "    'project': BaseHook.get_connection('google_cloud_default').extra_dejson['project'],\n"
        "    'channel': BaseHook.get_connection('slipway_team').extra_dejson['config']['path'],\n"
        "    'git': BaseHook.get_connection('slipway_git').host,\n"
        "}, sys.stdout)\n"
    )
    ran = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout.splitlines()[-1]) == {
        "airflow": ODD,
        "key": (folder / "fernet_key").read_text(),
        "queue": ODD,
        "results": ODD,
        "ledger": ODD,
        "source": ODD,
        "warehouse": ODD,
        "promql": "https://monitoring.googleapis.com/v1/projects/filled-in/location/global/prometheus",
        "project": "filled-in",
        "channel": "slack://filled-in",
        "git": "https://github.com/filled-in/filled-in.git",
    }


def airflow_environment(folder: Path) -> dict[str, str]:
    """The environment of the stack's scheduler, with the secrets where they are on this machine."""
    stack = yaml.safe_load((REPOSITORY / "docker-compose.yaml").read_text())
    service = stack["services"]["scheduler"]
    environment = {"PATH": os.environ["PATH"], "AIRFLOW_HOME": str(folder.parent)}
    for secret in service["secrets"]:
        source, target = (secret, secret) if isinstance(secret, str) else (secret["source"], secret["target"])
        path = folder / stack["secrets"][source]["file"].partition("}/")[2]
        for key, value in service["environment"].items():
            there = shlex.quote(str(path)) if key.endswith("_CMD") else str(path)
            if f"/run/secrets/{target}" in value:
                environment[key] = value.replace(f"/run/secrets/{target}", there)
    environment["AIRFLOW__SECRETS__BACKEND"] = service["environment"]["AIRFLOW__SECRETS__BACKEND"]
    environment["PYTHONPATH"] = str(REPOSITORY / "plugins")
    return environment
