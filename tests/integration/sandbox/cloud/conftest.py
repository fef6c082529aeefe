"""A running cloud with the tests' own images, shared by all of them."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from google.api_core import exceptions

from bench.running_cloud import PROJECT, Clients, CloudProcess, done
from sandbox.supervisor.settings import REPOSITORY, Settings
from tests.integration.sandbox.cloud import conformance
from tests.own_sandbox import free_ports


@pytest.fixture(autouse=True)
def conforming(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail a test that is marked for methods of the clients which it did not call with success."""
    wanted = {name for mark in request.node.iter_markers("conformance") for name in mark.args}
    with pytest.MonkeyPatch.context() as patch:
        called = conformance.record(patch, iter(wanted)) if wanted else set()
        yield
    assert wanted <= called, f"not called with success: {', '.join(sorted(wanted - called))}"


@pytest.fixture(scope="session")
def port_base() -> Iterator[int]:
    """First port of the cloud that all tests share."""
    with free_ports() as base:
        yield base


@pytest.fixture(scope="session")
def other_port_base(port_base: int) -> Iterator[int]:
    """First port of a cloud beside it."""
    with free_ports() as base:
        yield base


@pytest.fixture(scope="session")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The registry's content in tests."""
    command = ["python", str(REPOSITORY / "bench/container_app.py")]
    tags = {"1": {"IMAGE_VARIABLE": "from the image"}, "2": {}, "crash": {"CRASH_ON_START": "1"}}
    path = tmp_path_factory.mktemp("images") / "images.yaml"
    path.write_text(yaml.safe_dump({"test/app": {"command": command, "tags": tags}}))
    return path


@pytest.fixture(scope="session")
def cloud(tmp_path_factory: pytest.TempPathFactory, images: Path, port_base: int) -> Iterator[CloudProcess]:
    """A cloud that all tests share."""
    running = CloudProcess(Settings(tmp_path_factory.mktemp("home"), port_base), images)
    running.start()
    yield running
    running.stop()


@pytest.fixture(scope="session")
def clients(cloud: CloudProcess) -> Iterator[Clients]:
    """Official clients of the shared cloud."""
    made = Clients(cloud.settings)
    yield made
    made.close()


@pytest.fixture
def service_id(clients: Clients) -> Iterator[str]:
    """A name for a service, which is deleted afterwards."""
    name = f"s{uuid.uuid4().hex[:6]}"
    yield name
    try:
        done(clients.services.delete_service(name=f"{PROJECT}/services/{name}"))
    except exceptions.NotFound:
        return
