"""The data plane: the split is exact, and moving it harms no request and no WebSocket."""

from __future__ import annotations

import asyncio
import math
import time
from collections import Counter

import httpx
import pytest
import websockets
from google.cloud import run_v2
from google.protobuf.duration_pb2 import Duration

from bench.running_cloud import Clients, CloudProcess, to, wait_for
from bench.split_load import SplitLoad
from sandbox.cloud.data_plane.request_metrics import COUNT
from sandbox.supervisor.settings import HOST

pytestmark = pytest.mark.sandbox
REQUESTS_BETWEEN = 45


def two_revisions(clients: Clients, service_id: str, instances: tuple[int, int] = (1, 1)) -> run_v2.Service:
    """A service whose revisions ``<id>-a`` (100 percent) and ``<id>-b`` both run."""
    a, b = f"{service_id}-a", f"{service_id}-b"
    name = clients.create(service_id, clients.template(revision=a, instances=instances[0])).name
    template = clients.template(image="2", revision=b, instances=instances[1])
    service = run_v2.Service(name=name, template=template, traffic=[to(a, 100), to(b, tag="candidate")])
    updated: run_v2.Service = clients.update(service, ["template", "traffic"])
    return updated


def port(uri: str) -> int:
    return int(uri.rpartition(":")[2])


@pytest.mark.asyncio
async def test_split_is_exact(clients: Clients, service_id: str) -> None:
    """Whatever the numbers of instances: here 2 against 1."""
    service = await asyncio.to_thread(two_revisions, clients, service_id, (2, 1))
    a, b = f"{service_id}-a", f"{service_id}-b"
    for percent in (10, 50, 90):
        await asyncio.to_thread(clients.shift, service.name, to(a, 100 - percent), to(b, percent))
        async with SplitLoad(port(service.uri), clients=4, pause=0) as load:
            await asyncio.to_thread(wait_for, lambda: load.seen.requests > 300, "300 requests")
        share, requests = percent / 100, load.seen.requests
        five_sigma = 5 * math.sqrt(share * (1 - share) / requests)
        assert load.seen.errors == []
        assert load.seen.by_revision[a] + load.seen.by_revision[b] == requests
        assert abs(load.seen.by_revision[b] / requests - share) < five_sigma, load.seen.by_revision


def test_instances_share_a_revisions_requests(clients: Clients, service_id: str) -> None:
    service = clients.create(service_id, clients.template(instances=2))
    with httpx.Client(base_url=service.uri) as client:
        processes = Counter(client.get("/process").text for _ in range(100))
    assert len(processes) == 2
    assert min(processes.values()) > 20


def test_tag_url_reaches_its_revision_alone(clients: Clients, service_id: str) -> None:
    service = two_revisions(clients, service_id)
    tagged = service.traffic_statuses[1].uri
    with httpx.Client() as client:
        assert {client.get(tagged).headers["x-slipway-revision"] for _ in range(20)} == {f"{service_id}-b"}
        assert {client.get(service.uri).headers["x-slipway-revision"] for _ in range(20)} == {
            f"{service_id}-a"
        }
        clients.shift(service.name, to(f"{service_id}-a", 100))
        gone = client.get(tagged)
        assert (gone.status_code, "x-slipway-revision" in gone.headers) == (503, False)


@pytest.mark.parametrize("path", ["/healthz", "/healthz?deep=1", "/eventlog", "/_ah/warmup", "/quiz"])
def test_reserved_paths_never_reach_a_container(clients: Clients, service_id: str, path: str) -> None:
    service = clients.create(service_id, clients.template())
    with httpx.Client(base_url=service.uri) as client:
        answer = client.get(path)
        assert (answer.status_code, "x-slipway-revision" in answer.headers) == (404, False)
        assert client.get("/health").is_success
        assert 'app_requests_total{path="/healthz"}' not in client.get("/metrics").text


def test_application_errors_pass_through(clients: Clients, service_id: str) -> None:
    """The platform neither hides nor repeats what the application answers."""
    service = clients.create(service_id, clients.template())
    with httpx.Client(base_url=service.uri) as client:
        for path, status in (("/error", 500), ("/unavailable", 503)):
            answer = client.get(path)
            assert answer.status_code == status
            assert answer.headers["x-slipway-revision"].startswith(service_id)
        metrics = client.get("/metrics").text
    assert 'app_requests_total{path="/error"} 1.0' in metrics
    assert 'app_requests_total{path="/unavailable"} 1.0' in metrics


def test_traffic_log_has_every_applied_split(cloud: CloudProcess, clients: Clients, service_id: str) -> None:
    before = time.time()
    service = two_revisions(clients, service_id)
    a, b = f"{service_id}-a", f"{service_id}-b"
    clients.shift(service.name, to(a, 75), to(b, 25))
    clients.shift(service.name, to(a, 100), to(b, 0, "candidate"))
    log = cloud.traffic_log(service_id)
    assert [line["split"] for line in log] == [{a: 100}, {a: 75, b: 25}, {a: 100}]
    assert {line["project"] for line in log} == {"test"}
    times = [line["at"] for line in log]
    assert before < times[0] < times[1] < times[2] < time.time()


@pytest.mark.asyncio
async def test_websockets_are_split_and_stay(clients: Clients, service_id: str) -> None:
    service = await asyncio.to_thread(two_revisions, clients, service_id)
    a, b = f"{service_id}-a", f"{service_id}-b"
    await asyncio.to_thread(clients.shift, service.name, to(a, 50), to(b, 50))
    async with SplitLoad(port(service.uri), clients=0, sockets=48) as load:
        assert min(load.seen.sockets_by_revision[a], load.seen.sockets_by_revision[b]) >= 3
        await asyncio.to_thread(clients.shift, service.name, to(a, 100), to(b, 0, "candidate"))
        before = load.seen.messages
        await asyncio.to_thread(wait_for, lambda: load.seen.messages > before + 48, "more messages")
    assert load.seen.closed == []


@pytest.mark.asyncio
async def test_requests_and_websockets_end_after_the_revisions_timeout(
    cloud: CloudProcess, clients: Clients, service_id: str
) -> None:
    """A request is answered 504; a WebSocket ends however busy it is, and its end is no failure."""
    template = clients.template(revision=f"{service_id}-a")
    template.timeout = Duration(seconds=2)
    service = await asyncio.to_thread(clients.create, service_id, template)
    async with (
        httpx.AsyncClient(base_url=service.uri, timeout=30) as client,
        SplitLoad(port(service.uri), clients=0, sockets=2) as load,
    ):
        assert (await client.get("/slow?1")).status_code == 200
        assert (await client.get("/slow?20")).status_code == 504
        await asyncio.to_thread(wait_for, lambda: len(load.seen.closed) == 2, "the sockets' end")
        exported = (await client.get(f"http://{HOST}:{cloud.settings.exporter_port}/metrics")).text
    counted = {
        code: line.rpartition(" ")[2]
        for line in exported.splitlines()
        for code in ("101", "502", "503", "504")
        if line.startswith(COUNT) and f'"{service_id}-a",response_code="{code}"' in line
    }
    assert counted == {"101": "2", "502": "0", "503": "0", "504": "1"}


@pytest.mark.asyncio
async def test_no_request_and_no_socket_is_lost_while_shifting(clients: Clients, service_id: str) -> None:
    service = await asyncio.to_thread(two_revisions, clients, service_id, (2, 2))
    a, b = f"{service_id}-a", f"{service_id}-b"
    shifts = 0
    async with SplitLoad(port(service.uri), clients=8, slow_clients=3, sockets=10) as load:
        for percent in [10, 50, 100, 50, 10, 0] * 4:
            traffic = (to(a, 100 - percent), to(b, percent))
            await asyncio.to_thread(clients.shift, service.name, *traffic)
            shifts += 1
            enough = shifts * REQUESTS_BETWEEN
            await asyncio.to_thread(wait_for, lambda: load.seen.requests > enough, "requests")  # noqa: B023
    assert shifts >= 20
    assert load.seen.errors == []
    assert load.seen.closed == []
    assert min(load.seen.by_revision[a], load.seen.by_revision[b]) > 100


@pytest.mark.asyncio
async def test_replaced_revision_is_drained(cloud: CloudProcess, clients: Clients, service_id: str) -> None:
    """A revision without traffic and tag ends, but only after its requests and its WebSockets."""
    service = await asyncio.to_thread(two_revisions, clients, service_id)
    old = f"{service_id}-a"

    def at_work() -> bool:
        return 'app_requests_total{path="/slow"} 1.0' in httpx.get(f"{service.uri}/metrics").text

    async with httpx.AsyncClient(base_url=service.uri) as client:
        process = int((await client.get("/process")).text)
        slow = asyncio.create_task(client.get("/slow?1.5"))
        async with websockets.connect(service.uri.replace("http", "ws"), proxy=None) as socket:
            await asyncio.to_thread(wait_for, at_work, "the slow request at work")
            await asyncio.to_thread(clients.shift, service.name, to(f"{service_id}-b", 100))
            assert (await slow).headers["x-slipway-revision"] == old
            await socket.send("still there")
            assert await socket.recv() == f"{old} still there"
            assert process in [child.pid for child in cloud.children()]
            assert (await client.get("/")).headers["x-slipway-revision"] == f"{service_id}-b"

    def ended() -> bool:
        return process not in [child.pid for child in cloud.children()]

    await asyncio.to_thread(wait_for, ended, "the drained revision's end")


@pytest.mark.asyncio
async def test_traffic_returns_to_a_stopped_revision(
    cloud: CloudProcess, clients: Clients, service_id: str
) -> None:
    """Going back to a revision that was stopped starts it first; nobody notices."""
    service = await asyncio.to_thread(two_revisions, clients, service_id)
    a, b = f"{service_id}-a", f"{service_id}-b"
    async with httpx.AsyncClient() as client:
        process = int((await client.get(f"{service.uri}/process")).text)
    await asyncio.to_thread(clients.shift, service.name, to(b, 100))

    def ended() -> bool:
        return process not in [child.pid for child in cloud.children()]

    await asyncio.to_thread(wait_for, ended, "the drained revision's end")
    async with SplitLoad(port(service.uri), clients=4) as load:
        await asyncio.to_thread(clients.shift, service.name, to(a, 100))
        await asyncio.to_thread(wait_for, lambda: load.seen.by_revision[a] > 0, "requests to it")
    assert load.seen.errors == []


def test_session_affinity_comes_before_the_split(clients: Clients, service_id: str) -> None:
    """Users stay on their revision while it has traffic; who brings no cookie is drawn by the split."""
    a, b = f"{service_id}-a", f"{service_id}-b"
    template = clients.template(revision=a)
    template.session_affinity = True
    service = clients.create(service_id, template)
    template.revision = b
    template.containers[0].env = [run_v2.EnvVar(name="OTHER", value="1")]
    clients.update(run_v2.Service(name=service.name, template=template, traffic=[to(a, 100)]))

    def seen(client: httpx.Client) -> set[str]:
        return {client.get("/").headers["x-slipway-revision"] for _ in range(30)}

    with httpx.Client(base_url=service.uri) as user:
        assert seen(user) == {a}
        clients.shift(service.name, to(a, 10), to(b, 90))
        assert seen(user) == {a}, "the user stays although nine of ten requests go elsewhere"
        assert b in {httpx.get(service.uri).headers["x-slipway-revision"] for _ in range(30)}
        clients.shift(service.name, to(b, 100))
        assert seen(user) == {b}, "a revision without traffic keeps nobody"
