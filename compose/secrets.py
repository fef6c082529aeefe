"""Make the secret files of the compose stack: ``make compose-secrets``.

What is missing in ``secrets/`` is made up at random; what is there is kept. ``secrets/derived`` is written
anew from it every time: after a change run this again, then ``docker compose up --detach --force-recreate``.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import secrets
import shutil
import sys
from pathlib import Path
from typing import Any
from urllib.parse import quote

FOLDER = Path(__file__).parent
REPOSITORY = FOLDER.parent
EXAMPLE = FOLDER / "connections.example.json"
# The connections to the stack's stand-in for a cloud, which need nothing from a person.
SANDBOX = FOLDER / "connections.sandbox.json"
SANDBOX_PROFILE = "sandbox"
PLACEHOLDER = "CHANGE-ME"
DEFAULT_USERS = "admin:admin,manager:user,approver:user,viewer:viewer"
# Airflow's user with which the ledger reads who acted on a run.
AUDITOR = "auditor"
RANDOM = (
    "postgres_password",
    "clickhouse_password",
    "redis_password",
    "sandbox_password",
    "grafana_password",
    "api_secret_key",
    "jwt_secret",
)


class SecretsIncompleteError(ValueError):
    """Something that only a person can fill in is missing; the message names it."""


def write_secrets(folder: Path, users: str = DEFAULT_USERS, *, sandbox: bool = False) -> None:
    """Make what is missing, and derive the rest.

    :param folder: where the secrets are; only its owner may enter it.
    :param users: Airflow's users, ``name:role`` with commas between them.
    :param sandbox: whether the connections lead to the stack's sandbox, not where a person says.
    :raises SecretsIncompleteError: naming the file and what to fill in.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    for name in RANDOM:
        _keep(folder / name, secrets.token_urlsafe(32))
    _keep(folder / "fernet_key", base64.urlsafe_b64encode(os.urandom(32)).decode())
    # Empty of a key: the connection then names another way to authenticate.
    _keep(folder / "google.json", "{}\n")
    passwords = _passwords(folder / "airflow_passwords.json", users)
    if sandbox:
        outside = sandbox_connections(_read(folder / "sandbox_password"))
    else:
        _keep(folder / "connections.json", EXAMPLE.read_text())
        outside = _given_connections(folder / "connections.json")
    _derive(folder, {**outside, **own_connections(folder, passwords[AUDITOR])})


def own_connections(folder: Path, auditor_password: str) -> dict[str, dict[str, Any]]:
    """Return the connections to the stack's own servers.

    :param folder: where the secrets are.
    :param auditor_password: of Airflow's user ``auditor``.
    """
    return {
        "slipway_ledger": {
            "conn_type": "postgres",
            "host": "postgres",
            "port": 5432,
            "login": "slipway",
            "password": _read(folder / "postgres_password"),
            "schema": "slipway",
        },
        "slipway_clickhouse": {
            "conn_type": "clickhouse",
            "host": "clickhouse",
            "port": 8123,
            "login": "slipway",
            "password": _read(folder / "clickhouse_password"),
            "schema": "kpi",
        },
        "slipway_airflow": {
            "conn_type": "http",
            "host": "http://api-server:8080",
            "login": AUDITOR,
            "password": auditor_password,
        },
    }


def sandbox_connections(password: str) -> dict[str, dict[str, Any]]:
    """Return the connections to the sandbox.

    :param password: of its databases.
    """
    connections: dict[str, dict[str, Any]] = json.loads(SANDBOX.read_text())
    return {
        name: {**connection, "password": password} if connection["conn_type"] == "postgres" else connection
        for name, connection in connections.items()
    }


def variable(name: str, default: str, environment_file: Path) -> str:
    """Return a variable as compose sees it.

    :param name: of the variable.
    :param default: what it is when it is not set.
    :param environment_file: the ``.env`` beside the compose file; may be missing.
    """
    chosen = os.environ.get(name)
    if chosen or not environment_file.exists():
        return chosen or default
    lines = (line.partition("=") for line in environment_file.read_text().splitlines())
    return next((value.strip() for key, _, value in lines if key.strip() == name), default)


def _derive(folder: Path, connections: dict[str, dict[str, Any]]) -> None:
    derived = folder / "derived"
    shutil.rmtree(derived, ignore_errors=True)
    derived.mkdir()
    password = _read(folder / "postgres_password")
    database = f"slipway:{quote(password, safe='')}@postgres/airflow"
    _write(derived / "airflow_database", f"postgresql+psycopg2://{database}")
    _write(derived / "celery_results", f"db+postgresql+psycopg2://{database}")
    queue = _read(folder / "redis_password")
    _write(derived / "celery_broker", f"redis://:{quote(queue, safe='')}@redis:6379/0")
    _write(derived / "redis.conf", f'requirepass {_quoted(queue)}\nsave ""\n')
    digest = hashlib.sha256(_read(folder / "clickhouse_password").encode()).hexdigest()
    user = f"<slipway><password_sha256_hex>{digest}</password_sha256_hex></slipway>"
    _write(derived / "clickhouse_user.xml", f"<clickhouse><users>{user}</users></clickhouse>\n")
    products = {"postgres_password": _read(folder / "sandbox_password")}
    _write(derived / "sandbox.json", json.dumps(products))
    _write(derived / "connections.json", json.dumps(connections, indent=2))


def _given_connections(path: Path) -> dict[str, Any]:
    try:
        given: dict[str, Any] = json.loads(path.read_text())
    except ValueError as error:
        raise SecretsIncompleteError(f"{path} is not JSON: {error}") from error
    missing = [name for name in json.loads(EXAMPLE.read_text()) if name not in given]
    if missing:
        raise SecretsIncompleteError(f"{path} lacks {', '.join(missing)}: take them from {EXAMPLE.name}")
    unfilled = [name for name, value in given.items() if PLACEHOLDER in json.dumps(value)]
    if unfilled:
        raise SecretsIncompleteError(
            f"{path}: replace {PLACEHOLDER} in {', '.join(unfilled)}, then run this again"
        )
    return given


def _passwords(path: Path, users: str) -> dict[str, str]:
    known: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}
    names = [AUDITOR, *(user.partition(":")[0].strip() for user in users.split(","))]
    passwords = {**{name: secrets.token_urlsafe(16) for name in names}, **known}
    _write(path, json.dumps(passwords, indent=2) + "\n")
    return passwords


def _read(path: Path) -> str:
    """Return a secret without the line end that an editor adds."""
    return path.read_text().rstrip("\r\n")


def _quoted(word: str) -> str:
    """Write a word as Redis' configuration reads it, whatever characters it has."""
    return '"' + word.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _keep(path: Path, content: str) -> None:
    if not path.exists():
        _write(path, content)


def _write(path: Path, content: str) -> None:
    path.write_text(content)
    # Containers run as other users than the owner of the folder, whom alone the folder lets in.
    path.chmod(0o644)


def main() -> int:
    """Write the secrets that compose mounts.

    :return: the exit code: 1 when a person has to fill something in.
    """
    file = REPOSITORY / ".env"
    folder = REPOSITORY / variable("SLIPWAY_SECRETS", "./secrets", file)
    profiles = variable("COMPOSE_PROFILES", "", file).split(",")
    users = variable("AIRFLOW_USERS", DEFAULT_USERS, file)
    try:
        write_secrets(folder, users, sandbox=SANDBOX_PROFILE in profiles)
    except SecretsIncompleteError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{folder} is complete; the passwords to sign in are in {folder / 'airflow_passwords.json'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
