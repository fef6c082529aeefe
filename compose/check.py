"""Build and start the compose stack: ``make compose-check`` (SANDBOX=1: with its sandbox).

It has a project name, secrets and volumes of its own, and removes them at the end. Images that cannot be had
leave their service out; without PostgreSQL, Redis or ClickHouse nothing can be started. Exit code 0: healthy,
every DAG imported, no secret in ``docker inspect``, and the sandbox is what its policy asks for. 1: something
is wrong. 2: nothing could be checked here.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from compose.secrets import EXAMPLE, PLACEHOLDER, write_secrets

REPOSITORY = Path(__file__).parent.parent
PROJECT = "slipway-check"
REQUIRED = ("postgres", "redis", "clickhouse")
OPTIONAL = ("prometheus", "grafana")
AIRFLOW = ("api-server", "scheduler", "worker", "dag-processor", "triggerer")
ENVIRONMENT = REPOSITORY / "compose" / "sandbox.env"
PORTS = {"AIRFLOW_PORT": "18080", "GRAFANA_PORT": "13000"}
_BUILD_SECONDS = 1800
_START_SECONDS = 600
_IMPORT_SECONDS = 120.0
_POLL_SECONDS = 2.0


class NothingCheckedError(RuntimeError):
    """The stack cannot be started on this machine; the message says why."""


class CheckFailedError(RuntimeError):
    """The stack is not what it should be; the message says what."""


def docker(*words: str, seconds: int = 120, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run docker with words of a command line, and variables beside this process's.

    :param seconds: time it has.
    """
    return subprocess.run(
        ["docker", *words],
        cwd=REPOSITORY,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )


def require_engine() -> None:
    """Look for a Docker engine and Docker Compose v2.

    :raises NothingCheckedError: when either is missing.
    """
    if shutil.which("docker") is None:
        raise NothingCheckedError("there is no docker program on the PATH")
    if (engine := docker("version", "--format", "{{.Server.Version}}")).returncode:
        raise NothingCheckedError(f"no Docker engine answers: {_last_line(engine)}")
    compose = docker("compose", "version", "--short")
    if compose.returncode or compose.stdout.strip().lstrip("v").startswith("1."):
        raise NothingCheckedError(f"Docker Compose v2 is missing: {_last_line(compose)}")


class Stack:
    """The stack under a project name of its own.

    :param secrets: folder of its secrets.
    :param chosen: variables on top of the defaults.
    """

    def __init__(self, secrets: Path, chosen: dict[str, str]) -> None:
        self._secrets = secrets
        self._environment = {
            **chosen,
            **PORTS,
            "SLIPWAY_SECRETS": str(secrets),
            "PROMETHEUS_TARGETS": str(secrets / "targets"),
        }

    def run(self, *words: str, seconds: int = 120) -> str:
        """Run ``docker compose`` with words of a command line.

        :param seconds: time it has.
        :return: its output.
        :raises CheckFailedError: when it fails.
        """
        ran = docker("compose", "--project-name", PROJECT, *words, seconds=seconds, **self._environment)
        if ran.returncode:
            raise CheckFailedError(
                f"docker compose {' '.join(words)}: {(ran.stdout + ran.stderr)[-3000:].strip()}"
            )
        return ran.stdout

    def services(self) -> list[str]:
        """Return the services that can be started here, without those of which there shall be none.

        :raises NothingCheckedError: when an image is missing without which nothing starts.
        """
        configuration: dict[str, Any] = json.loads(self.run("config", "--format", "json"))
        images = {
            name: service["image"]
            for name, service in configuration["services"].items()
            if service.get("deploy", {}).get("replicas", 1)
        }
        servers = [name for name in (*REQUIRED, *OPTIONAL) if name in images]
        left_out = [name for name in servers if not _has_image(images[name])]
        if missing := [name for name in left_out if name in REQUIRED]:
            raise NothingCheckedError(f"no image can be had for {', '.join(missing)}")
        print(f"left out, no image can be had: {', '.join(left_out)}" if left_out else "every image is there")
        return [name for name in (*servers, *AIRFLOW) if name in images and name not in left_out]

    def require_dags(self) -> None:
        """Compare the imported DAGs with the files, until all are there or their time is over.

        :raises CheckFailedError: when one is missing or cannot be imported.
        """
        expected = {path.stem for path in (REPOSITORY / "dags").glob("*.py")}
        deadline = time.monotonic() + _IMPORT_SECONDS
        # A DAG processor is healthy before it has read the first file.
        while missing := expected - (found := self._imported_dags()):
            if time.monotonic() > deadline:
                raise CheckFailedError(
                    f"not imported: {', '.join(sorted(missing))}; imported: {', '.join(sorted(found))}"
                )
            time.sleep(_POLL_SECONDS)
        print(f"{len(found)} DAGs imported")

    def _imported_dags(self) -> set[str]:
        listed = self.run("exec", "-T", "scheduler", "airflow", "dags", "list", "--output", "json")
        # Airflow's warnings are in its output too.
        answer = next((line for line in listed.splitlines() if line.startswith("[")), "[]")
        return {dag["dag_id"] for dag in json.loads(answer)}

    def require_sandbox(self) -> None:
        """Have the product ask everything that a release needs of the sandbox, from where tasks run.

        :raises CheckFailedError: with its table when something is missing.
        """
        command = ("python", "-m", "slipway", "check", "sandbox.yaml")
        answer = self.run("exec", "-T", "scheduler", *command, seconds=_START_SECONDS)
        print(answer.strip().splitlines()[-1])

    def require_no_secret_shown(self) -> None:
        """Look for every secret in what ``docker inspect`` shows.

        :raises CheckFailedError: naming the file of the secret.
        """
        containers = self.run("ps", "--all", "--quiet").split()
        shown = docker("inspect", *containers).stdout
        secrets = [path for path in self._secrets.rglob("*") if path.is_file() and path.name != "google.json"]
        seen = [path.name for path in secrets if path.read_text().strip() in shown]
        if seen:
            raise CheckFailedError(f"docker inspect shows {', '.join(seen)}")
        print(f"docker inspect of {len(containers)} containers shows no secret")


def check(*, sandbox: bool = False) -> None:
    """Build, start, look, and remove everything again.

    :param sandbox: whether the sandbox is started too, with what ``sandbox.env`` says.
    :raises NothingCheckedError: when the stack cannot be started here.
    :raises CheckFailedError: when it is not as it should be.
    """
    require_engine()
    with tempfile.TemporaryDirectory(prefix="slipway-compose-") as made:
        folder = Path(made)
        (folder / "targets").mkdir()
        (folder / "connections.json").write_text(EXAMPLE.read_text().replace(PLACEHOLDER, "nowhere.invalid"))
        write_secrets(folder, sandbox=sandbox)
        stack = Stack(folder, _variables(ENVIRONMENT) if sandbox else {})
        services = [*stack.services(), *(["sandbox"] if sandbox else [])]
        try:
            stack.run("build", seconds=_BUILD_SECONDS)
            stack.run("up", "--detach", "--wait", *services, seconds=_START_SECONDS)
            print(f"healthy: {', '.join(services)}")
            stack.require_dags()
            if sandbox:
                stack.require_sandbox()
            stack.require_no_secret_shown()
        finally:
            stack.run("down", "--volumes", "--timeout", "20", seconds=_START_SECONDS)


def main() -> int:
    """Check, and say how it ended.

    :return: 0 when all is well, 1 when something is wrong, 2 when nothing could be checked.
    """
    try:
        check(sandbox="--sandbox" in sys.argv[1:])
    except NothingCheckedError as error:
        print(f"compose-check: nothing was checked, because {error}", file=sys.stderr)
        return 2
    except (CheckFailedError, subprocess.TimeoutExpired) as error:
        print(f"compose-check: {error}", file=sys.stderr)
        return 1
    print("compose-check: the stack starts as it is")
    return 0


def _has_image(image: str) -> bool:
    if docker("image", "inspect", image).returncode == 0:
        return True
    return docker("pull", "--quiet", image, seconds=_BUILD_SECONDS).returncode == 0


def _variables(file: Path) -> dict[str, str]:
    lines = (line.partition("=") for line in file.read_text().splitlines() if not line.startswith("#"))
    return {name: value for name, _, value in lines if name}


def _last_line(ran: subprocess.CompletedProcess[str]) -> str:
    lines = (ran.stderr or ran.stdout).strip().splitlines()
    return lines[-1] if lines else f"exit code {ran.returncode}"


if __name__ == "__main__":
    sys.exit(main())
