"""``up``, ``status`` and ``down`` as commands, and that they leave nothing behind."""

from __future__ import annotations

import itertools
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil
import pytest

from sandbox.supervisor import credentials, ports, shutdown
from sandbox.supervisor.settings import HOST, REPOSITORY, Settings
from tests import sampling
from tests.own_sandbox import Run
from tests.waiting import until

pytestmark = [pytest.mark.sandbox, pytest.mark.timeout(500)]

BEGIN_SECONDS, END_SECONDS = 240.0, 120.0


@dataclass(frozen=True)
class Begun:
    """A command that runs, in a session of its own; a file takes its output, which no pipe can hold up."""

    process: subprocess.Popen[bytes]
    file: Path

    @property
    def output(self) -> str:
        """What it wrote so far."""
        return self.file.read_text()

    def wait_for(self, path: Path) -> None:
        """Wait until it has made a file."""

        def made() -> bool:
            assert self.process.poll() is None, self.output
            return path.exists()

        until(made, str(path), BEGIN_SECONDS)


@contextmanager
def begun(variables: dict[str, str], file: Path, *arguments: str) -> Iterator[Begun]:
    """Begin ``python -m ...``; at the end of the block it has ended."""
    with file.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", *arguments],
            cwd=REPOSITORY,
            env=variables,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield Begun(process, file)
    finally:
        process.kill()
        process.wait()


def assert_nothing_left(settings: Settings) -> None:
    assert shutdown.members(settings) == []
    assert ports.taken(ports.purposes(settings)) == []
    assert not settings.home.exists()


def test_cloud_comes_up_once_and_goes_down(own: Settings, run: Run) -> None:
    started = run("cloud-up")
    assert started.returncode == 0, started.stdout + started.stderr

    endpoints = json.loads((own.run / "endpoints.json").read_text())
    for url in (url for urls in endpoints.values() for url in urls.values()):
        assert httpx.get(f"{url}/health").status_code == 200
    assert sorted(endpoints["production"]) == ["auth", "backend", "frontend"]

    status = run("status")
    assert status.returncode == 0, status.stdout
    for name in ("postgres", "clickhouse", "prometheus", "cloud"):
        assert name in status.stdout

    again = run("cloud-up")
    assert again.returncode == 1
    assert "make down" in again.stdout
    assert run("status").returncode == 0, "a refused start must not touch what runs"

    ended = run("down")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert_nothing_left(own)
    assert run("status").returncode == 1
    assert run("down").returncode == 0, "down of nothing is fine"


def test_it_serves_an_airflow_elsewhere_under_another_name_until_it_is_ended(
    own: Settings, variables: dict[str, str], tmp_path: Path
) -> None:
    elsewhere = "127.0.0.2"
    chosen = tmp_path / "chosen.json"
    chosen.write_text(json.dumps({"postgres_password": "chosen"}))
    named = {**variables, "SLIPWAY_HOST": elsewhere, "SLIPWAY_CREDENTIALS": str(chosen)}
    with begun(named, tmp_path / "output", "sandbox", "serve") as serving:
        serving.wait_for(own.run / "users" / "counts.json")
        until(lambda: "Up in" in serving.output, "everything is up", BEGIN_SECONDS)
        endpoints = json.loads((own.run / "endpoints.json").read_text())
        for url in endpoints["production"].values():
            assert url.startswith(f"http://{elsewhere}:")
            assert httpx.get(f"{url}/health").status_code == 200
        assert credentials.load(own).postgres_password == "chosen"
        repository = f"git://{elsewhere}:{own.git_port}/platform.git"
        listed = subprocess.run(["git", "ls-remote", repository], capture_output=True, text=True, check=True)
        assert "refs/heads/main" in listed.stdout
        assert not (own.logs / "clickhouse.log").exists()
        serving.process.send_signal(signal.SIGTERM)
        assert serving.process.wait(END_SECONDS) == 130, serving.output
    assert_nothing_left(own)


@pytest.mark.parametrize(
    ("log", "number"),
    sampling.sampled(itertools.product(("postgres", "cloud", "seed"), (signal.SIGINT, signal.SIGTERM)), 3),
)
def test_interrupted_start_leaves_nothing(
    own: Settings, variables: dict[str, str], tmp_path: Path, log: str, number: signal.Signals
) -> None:
    with begun(variables, tmp_path / "output", "sandbox", "cloud-up") as start:
        start.wait_for(own.logs / f"{log}.log")
        start.process.send_signal(number)
        assert start.process.wait(END_SECONDS) == 130, start.output
    assert "Traceback" not in start.output
    assert_nothing_left(own)


def test_port_in_use_is_named_with_its_owner(own: Settings, run: Run) -> None:
    with socket.socket() as taken:
        # A connection of an earlier test's server in TIME_WAIT does not matter here.
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind((HOST, own.clickhouse_port))
        taken.listen()
        refused = run("cloud-up")
    assert refused.returncode == 1
    assert f"port {own.clickhouse_port}, for ClickHouse" in refused.stdout
    assert f"process {psutil.Process().pid} (" in refused.stdout
    assert "SLIPWAY_PORT_BASE" in refused.stdout
    assert_nothing_left(own)


def test_folder_of_something_else_is_left_alone(own: Settings, run: Run) -> None:
    own.home.mkdir()
    letter = own.home / "letter.txt"
    letter.write_text("mine")
    for command in ("cloud-up", "down"):
        refused = run(command)
        assert refused.returncode == 1
        assert str(own.home) in refused.stdout
    assert letter.read_text() == "mine"


@pytest.mark.parametrize("base", ["80", "65300", "eighty"])
def test_port_base_that_cannot_be_is_refused(base: str, variables: dict[str, str], tmp_path: Path) -> None:
    refused = subprocess.run(
        [sys.executable, "-m", "sandbox", "up"],
        cwd=REPOSITORY,
        env={**variables, "SLIPWAY_PORT_BASE": base},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert refused.returncode == 1
    assert f"SLIPWAY_PORT_BASE={base}" in refused.stdout


def test_a_program_runs_with_the_connections_of_a_sandbox_that_is_up_and_not_without(
    own: Settings, variables: dict[str, str]
) -> None:
    def run_in() -> subprocess.CompletedProcess[str]:
        program = [sys.executable, "-c", "import os; print(os.environ['AIRFLOW_CONN_SLIPWAY_LEDGER'])"]
        return subprocess.run(
            [sys.executable, "-m", "sandbox", "run", *program],
            cwd=REPOSITORY,
            env=variables,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    refused = run_in()
    assert refused.returncode == 1
    assert "make up" in refused.stdout
    own.home.mkdir()
    credentials.create(own)
    ran = run_in()
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout)["port"] == own.postgres_port


@pytest.mark.parametrize("log", ["cloud", pytest.param("scheduler", marks=pytest.mark.exhaustive)])
def test_an_interrupted_demo_leaves_nothing(
    own: Settings, variables: dict[str, str], tmp_path: Path, log: str
) -> None:
    with begun(variables, tmp_path / "output", "sandbox.demo") as demo:
        demo.wait_for(own.logs / f"{log}.log")
        # As a terminal does it: to every process of the foreground group.
        os.killpg(demo.process.pid, signal.SIGINT)
        assert demo.process.wait(END_SECONDS) == 130, demo.output
    assert "Traceback" not in demo.output
    assert_nothing_left(own)
