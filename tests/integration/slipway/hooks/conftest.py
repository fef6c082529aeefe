"""The local cloud's own processes, a proxy in front of them that can fail, and hooks that talk through it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from slipway.hooks.cloud_run import CloudRunTrafficHook

from sandbox import credentials
from sandbox.databases import postgres, prometheus
from sandbox.processes import Program, answers, launch, wait_ready
from sandbox.settings import HOST, LOCATION, Settings
from tests.integration.slipway.hooks.fault_proxy import FaultProxy, fault_proxy
from tests.integration.slipway.hooks.web_service import PROJECT

STOP_SECONDS = 15.0


@contextmanager
def running(program: Program, settings: Settings) -> Iterator[None]:
    """Run a process of the sandbox until the end of the block."""
    process = launch(program, settings)
    try:
        wait_ready(program, process, settings)
        yield
    finally:
        # PostgreSQL waits for its clients on SIGTERM, and every server here ends at once on SIGINT.
        process.send_signal(signal.SIGINT if program.name == "postgres" else signal.SIGTERM)
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(STOP_SECONDS)


@pytest.fixture(scope="session")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A sandbox of these tests' own."""
    own = Settings(
        home=tmp_path_factory.mktemp("slipway"), port_base=int(os.environ.get("SLIPWAY_PORT_BASE", "25000"))
    )
    # The database servers run as another user, who must be able to reach their folders.
    for folder in (own.home, own.home.parent, own.home.parent.parent):
        folder.chmod(folder.stat().st_mode | 0o011)
    credentials.create(own)
    return own


@pytest.fixture(scope="session")
def google(settings: Settings) -> Iterator[str]:
    """Base URL of the Google APIs."""
    url = f"http://{HOST}:{settings.google_port}"
    program = Program(
        name="cloud",
        command=[sys.executable, "-m", "sandbox.cloud"],
        ready=lambda: (
            answers(f"{url}/v2/projects/{PROJECT}/locations/{LOCATION}/services")
            and answers(f"http://{HOST}:{settings.registry_port}/v2/")
        ),
        bound=60.0,
    )
    with running(program, settings):
        yield url


@pytest.fixture(scope="session")
def database(settings: Settings) -> Iterator[None]:
    """The PostgreSQL server that stands for the Cloud SQL instances."""
    with running(postgres.program(settings), settings):
        postgres.create_databases(settings)
        yield


@pytest.fixture(scope="session")
def metrics(settings: Settings) -> Iterator[str]:
    """Base URL of a Prometheus."""
    with running(prometheus.program(settings), settings):
        yield settings.prometheus_url


@pytest.fixture(scope="session")
def google_proxy(google: str) -> Iterator[FaultProxy]:
    """A proxy in front of the Google APIs."""
    with fault_proxy(google) as running_proxy:
        yield running_proxy


@pytest.fixture
def proxy(google_proxy: FaultProxy, monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultProxy]:
    """The same proxy, without faults, as the address in the Google connection."""
    google_proxy.reset()
    names = ("run", "secretmanager", "sqladmin")
    extra = {
        "project": PROJECT,
        "is_anonymous": True,
        "api_endpoints": dict.fromkeys(names, google_proxy.url),
    }
    connection = {"conn_type": "google_cloud_platform", "extra": extra}
    monkeypatch.setenv("AIRFLOW_CONN_GOOGLE_CLOUD_DEFAULT", json.dumps(connection))
    yield google_proxy
    google_proxy.reset()


@pytest.fixture
def cloud_run(proxy: FaultProxy) -> Iterator[CloudRunTrafficHook]:
    """The hook under test."""
    hook = CloudRunTrafficHook()
    yield hook
    hook.close()


@pytest.fixture(scope="session")
def image(settings: Settings) -> Callable[[str], str]:
    """Turn ``frontend:1.1.0`` into a reference to the sandbox's registry."""

    def reference(name: str) -> str:
        return f"{HOST}:{settings.registry_port}/netra/{name}"

    return reference
