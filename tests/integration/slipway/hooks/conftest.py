"""The local cloud's own processes, a proxy in front of them that can fail, and hooks that talk through it."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator

import pytest
from slipway.hooks.cloud_run.hook import CloudRunTrafficHook

from sandbox.databases import postgres, prometheus
from sandbox.supervisor.processes import Program, answers
from sandbox.supervisor.settings import HOST, LOCATION, Settings
from tests.integration.database_servers import running
from tests.integration.slipway.hooks.fault_proxy import FaultProxy, fault_proxy
from tests.integration.slipway.hooks.web_service import PROJECT
from tests.own_sandbox import own_sandbox


@pytest.fixture(scope="session")
def settings() -> Iterator[Settings]:
    """A sandbox of these tests' own."""
    with own_sandbox() as own:
        yield own


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
