"""The cloud as a process: starting, stopping, starting again.

These tests kill a cloud or take its ports: they start one of their own, beside the one that the others share.
"""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import yaml
from google.cloud import run_v2

from bench.running_cloud import Clients, CloudProcess, to, wait_for
from sandbox.cloud.server import AlreadyRunningError, Cloud
from sandbox.supervisor.settings import HOST, Settings
from tests.waiting import BOUND_SECONDS

pytestmark = pytest.mark.sandbox


@pytest.fixture
def other(tmp_path: Path, images: Path, other_port_base: int) -> Iterator[CloudProcess]:
    """A cloud of its own, beside the shared one; not started yet."""
    made = CloudProcess(Settings(tmp_path, other_port_base), images)
    yield made
    if made.process is not None and made.process.poll() is None:
        made.stop()
    assert made.children() == []


@pytest.mark.parametrize("forked", [False, True])
def test_killed_started_again_and_stopped(other: CloudProcess, tmp_path: Path, forked: bool) -> None:
    """What a killed cloud left running is ended, what it served is back, and a stop leaves nothing."""
    if forked:
        listed = yaml.safe_load(other.images.read_text())
        listed["test/app"]["command"] = ["python", "-m", "bench.container_app"]
        other.images = tmp_path / "images.yaml"
        other.images.write_text(yaml.safe_dump(listed))
    other.start()
    clients = Clients(other.settings)
    created = clients.create("one", clients.template(revision="one-a"))
    service = clients.update(
        run_v2.Service(
            name=created.name,
            template=clients.template(image="2", revision="one-b"),
            traffic=[to("one-a", 50), to("one-b", 50, "candidate")],
        )
    )
    clients.close()
    children = other.children()
    server = {process.pid for process in children if process.pid in {each.ppid() for each in children}}
    # HAProxy and the instances; what these were forked from ends with the cloud.
    left = {process.pid for process in children} - server
    assert len(left) == 3
    assert other.process is not None
    os.kill(other.process.pid, signal.SIGKILL)
    other.process.wait(5)
    assert left <= {process.pid for process in other.children()}

    other.start()
    assert left.isdisjoint({process.pid for process in other.children()})
    clients = Clients(other.settings)
    again = clients.services.get_service(name=service.name)
    clients.close()
    assert (again.etag, again.uri, again.generation) == (service.etag, service.uri, service.generation)
    assert list(again.traffic_statuses) == list(service.traffic_statuses)
    tagged = again.traffic_statuses[1].uri
    assert httpx.get(tagged).headers["x-slipway-revision"] == "one-b"
    seen = {httpx.get(again.uri).headers["x-slipway-revision"] for _ in range(40)}
    assert seen == {"one-a", "one-b"}

    assert len(other.children()) == 3 + forked
    other.stop()
    assert other.children() == []


def test_port_in_use(other: CloudProcess) -> None:
    port = other.settings.data_plane_ports[0]
    with socket.create_server((HOST, port)):
        assert other.launch().wait(BOUND_SECONDS) == 1
    assert f"port {port} (data plane)" in other.output
    assert "SLIPWAY_PORT_BASE" in other.output
    assert "Traceback" not in other.output


def test_second_start_is_refused(cloud: CloudProcess, images: Path, other_port_base: int) -> None:
    before = {process.pid for process in cloud.children()}
    with pytest.raises(AlreadyRunningError, match="runs already"):
        Cloud(Settings(cloud.settings.home, other_port_base), images, start_seconds=5)
    assert before <= {process.pid for process in cloud.children()}


def test_lost_data_plane_ends_the_cloud(other: CloudProcess) -> None:
    other.start()
    (haproxy,) = other.children()
    haproxy.kill()
    assert other.process is not None
    assert wait_for(lambda: other.process is not None and other.process.poll() is not None, "the end")
    assert other.process.returncode == 1
    assert "haproxy ended with code -9" in other.output
