"""Revisions' instances: what they are started with, and what happens when one ends."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import httpx
import psutil
import pytest
from google.api_core import exceptions
from google.auth.credentials import AnonymousCredentials
from google.cloud import run_v2, secretmanager_v1

from bench.running_cloud import Clients, CloudProcess, to, wait_for
from bench.split_load import SplitLoad
from sandbox.cloud.data_plane import haproxy_config
from sandbox.cloud.data_plane.request_metrics import COUNT, LOGGED
from sandbox.supervisor.settings import HOST, REPOSITORY
from tests.waiting import BOUND_SECONDS

pytestmark = pytest.mark.sandbox


def add_secret(cloud: CloudProcess, name: str, payload: bytes) -> None:
    client = secretmanager_v1.SecretManagerServiceClient(
        credentials=AnonymousCredentials(),
        transport="rest",
        client_options={"api_endpoint": f"http://{HOST}:{cloud.settings.google_port}"},
    )
    secret = secretmanager_v1.Secret(replication={"automatic": {}})
    client.create_secret(parent="projects/test", secret_id=name, secret=secret)
    client.add_secret_version(
        parent=f"projects/test/secrets/{name}", payload=secretmanager_v1.SecretPayload(data=payload)
    )
    client.transport.close()


def reference(secret: str, version: str) -> run_v2.EnvVarSource:
    return run_v2.EnvVarSource(secret_key_ref={"secret": secret, "version": version})


def test_environment(cloud: CloudProcess, clients: Clients, service_id: str) -> None:
    add_secret(cloud, f"{service_id}-key", b"hunter2")
    template = clients.template(
        revision=f"{service_id}-a", PLAIN="from the template", SECRET=reference(f"{service_id}-key", "1")
    )
    service = clients.create(service_id, template)
    expected = {
        "IMAGE_VARIABLE": "from the image",
        "PLAIN": "from the template",
        "SECRET": "hunter2",
        "K_SERVICE": service_id,
        "K_REVISION": f"{service_id}-a",
        "K_CONFIGURATION": service_id,
        "PYTHONPATH": str(REPOSITORY),
        "SLIPWAY_HOME": str(cloud.settings.home),
        "SLIPWAY_PORT_BASE": str(cloud.settings.port_base),
    }
    with httpx.Client(base_url=service.uri) as client:
        assert {name: client.get(f"/environment?{name}").text for name in expected} == expected
        assert int(client.get("/environment?PORT").text) in cloud.settings.instance_ports
        process = psutil.Process(int(client.get("/process").text))
    assert os.getsid(process.pid) == process.pid
    assert (cloud.settings.logs / f"test.{service_id}-a-0.log").exists()
    assert "hunter2" not in cloud.output


def test_missing_secret_keeps_the_revision_from_starting(clients: Clients, service_id: str) -> None:
    template = clients.template(KEY=reference("none", "latest"))
    with pytest.raises(exceptions.GoogleAPICallError, match="Secret none/versions/latest cannot be accessed"):
        clients.create(service_id, template)


@pytest.mark.asyncio
async def test_crashed_instance_is_replaced(clients: Clients, service_id: str) -> None:
    """Its open requests fail; the others go to its sibling at once."""
    service = await asyncio.to_thread(clients.create, service_id, clients.template(instances=2))
    async with httpx.AsyncClient(base_url=service.uri) as client:
        before = {int((await client.get("/process")).text) for _ in range(40)}
        assert len(before) == 2
        victim = before.pop()
        async with SplitLoad(int(service.uri.rpartition(":")[2]), clients=6) as load:
            await asyncio.to_thread(wait_for, lambda: load.seen.requests > 60, "requests under way")
            os.kill(victim, signal.SIGKILL)
            now: set[int] = set()
            while victim in now or len(now) < 2:
                answers = [await client.get("/process") for _ in range(40)]
                # 502 while the dying process still has a connection
                now = {int(answer.text) for answer in answers if answer.status_code == httpx.codes.OK}
    # only what the killed process was working on at that moment may be lost
    assert len(load.seen.errors) <= 6, load.seen.errors
    assert load.seen.percentile(100) < BOUND_SECONDS / 3 * 1000, "nobody waits for the dead one"
    assert before < now
    assert len(now) == 2
    assert victim not in now


def test_crashing_instance_leaves_the_data_plane(clients: Clients, service_id: str, tmp_path: Path) -> None:
    """A revision whose only instance is gone turns requests away until another one is there."""
    held = tmp_path / "no replacement yet"
    service = clients.create(service_id, clients.template(WAIT_WHILE_EXISTS=str(held)))
    with httpx.Client(base_url=service.uri) as client:
        dead = client.get("/process").text
        held.touch()
        os.kill(int(dead), signal.SIGKILL)
        for _ in range(5):
            answer = client.get("/process")
            # 502 when the dying process had taken the connection, 503 when it had not
            assert answer.status_code in (429, 502, 503)
            assert "x-slipway-revision" not in answer.headers
        wait_for(lambda: client.get("/process").status_code == 429, "no instance in the data plane")
        held.unlink()
        wait_for(lambda: client.get("/").status_code == 200, "the replacement")
        assert client.get("/process").text != dead


@pytest.mark.asyncio
async def test_a_request_that_gets_no_instance_in_time_is_turned_away(
    cloud: CloudProcess, clients: Clients, service_id: str
) -> None:
    """One instance with one request at a time: who waits longer than the queue allows gets 429.

    Such a request is in the request log, and in no metric of Cloud Run.
    """
    template = clients.template(revision=f"{service_id}-a")
    template.max_instance_request_concurrency = template.scaling.max_instance_count = 1
    service = await asyncio.to_thread(clients.create, service_id, template)
    long = haproxy_config.QUEUE_SECONDS + 2
    async with httpx.AsyncClient(base_url=service.uri, timeout=BOUND_SECONDS) as client:
        instance = f"http://{HOST}:{(await client.get('/environment?PORT')).text}"

        def is_busy() -> bool:
            return 'app_requests_total{path="/slow"} 1.0' in httpx.get(f"{instance}/metrics").text

        busy = asyncio.create_task(client.get(f"/slow?{long}"))
        await asyncio.to_thread(wait_for, is_busy, "the request at work")
        turned_away = await client.get("/")
        assert (turned_away.status_code, turned_away.headers.get("x-slipway-revision")) == (429, None)
        assert "no available instance" in turned_away.text
        assert (await client.get("/")).status_code == 200, "one that waits short enough is answered"
        assert (await busy).status_code == 200
        exported = (await client.get(f"http://{HOST}:{cloud.settings.exporter_port}/metrics")).text
    lines = [line for line in exported.splitlines() if f'"{service_id}-a"' in line and '="429"' in line]
    assert [line.rpartition(" ")[2] for line in lines if line.startswith(COUNT)] == ["0"]
    assert [line.rpartition(" ")[2] for line in lines if line.startswith(LOGGED)] == ["1"]


@pytest.mark.asyncio
async def test_new_instances_get_no_request_before_they_are_ready(clients: Clients, service_id: str) -> None:
    """Traffic is moved to a revision that does not run yet while requests come in."""
    a, b = f"{service_id}-a", f"{service_id}-b"
    service = await asyncio.to_thread(clients.create, service_id, clients.template(revision=a))
    template = clients.template(revision=b, instances=2)
    wanted = run_v2.Service(name=service.name, template=template, traffic=[to(b, 100)])
    async with SplitLoad(int(service.uri.rpartition(":")[2]), clients=6) as load:
        await asyncio.to_thread(clients.update, wanted, ["template", "traffic"])
        await asyncio.to_thread(wait_for, lambda: load.seen.by_revision[b] > 0, "requests to it")
    assert load.seen.errors == []
