"""What Prometheus scrapes."""

from __future__ import annotations

import asyncio
from collections import Counter

import httpx
import pytest
import websockets
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from bench.running_cloud import Clients, CloudProcess, wait_for
from bench.split_load import SplitLoad
from sandbox.cloud.data_plane.request_metrics import COUNT, EDGES_MS, LATENCIES
from sandbox.cloud.run.memory_metrics import UTILIZATIONS
from sandbox.supervisor.settings import HOST

pytestmark = pytest.mark.sandbox


def scrape(cloud: CloudProcess) -> dict[str, Metric]:
    answer = httpx.get(f"http://{HOST}:{cloud.settings.exporter_port}/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    families = list(text_string_to_metric_families(answer.text))
    described = [line for line in answer.text.splitlines() if line.startswith("# TYPE ")]
    assert len(described) == len({line.split()[2] for line in described})
    repeated = [name for name, count in Counter(f.name for f in families).items() if count > 1]
    assert repeated == []
    return {family.name: family for family in families}


def codes(cloud: CloudProcess, service: str) -> dict[str, float]:
    """Requests of a service by response code, those with none left out."""
    samples = scrape(cloud)[COUNT].samples
    mine = [s for s in samples if s.labels["service_name"] == service and s.value]
    for sample in mine:
        assert set(sample.labels) == {
            "monitored_resource",
            "project_id",
            "location",
            "service_name",
            "revision_name",
            "response_code",
            "response_code_class",
        }
        assert sample.labels["monitored_resource"] == "cloud_run_revision"
        assert sample.labels["response_code_class"] == f"{sample.labels['response_code'][0]}xx"
    return {s.labels["response_code"]: s.value for s in mine}


def test_every_request_is_counted(cloud: CloudProcess, clients: Clients, service_id: str) -> None:
    service = clients.create(service_id, clients.template(revision=f"{service_id}-a"))
    assert codes(cloud, service_id) == {}
    with httpx.Client(base_url=service.uri) as client:
        for _ in range(200):
            client.get("/")
        for path in ("/error", "/error", "/unavailable"):
            client.get(path)
        client.get("/slow?0.12")
        wait_for(lambda: sum(codes(cloud, service_id).values()) == 204, "all log lines")
    assert codes(cloud, service_id) == {"200": 201, "500": 2, "503": 1}

    latencies = [s for s in scrape(cloud)[LATENCIES].samples if s.labels["service_name"] == service_id]
    buckets = {s.labels["le"]: s.value for s in latencies if s.name.endswith("_bucket")}
    assert list(buckets) == [*map(str, EDGES_MS), "+Inf"]
    assert (buckets["10000"], buckets["+Inf"]) == (204, 204)
    assert buckets["+Inf"] - buckets["100"] >= 1
    assert [s.value for s in latencies if s.name.endswith("_count")] == [204]
    assert sum(s.value for s in latencies if s.name.endswith("_sum")) >= 120


@pytest.mark.asyncio
async def test_burst_loses_no_log_line(cloud: CloudProcess, clients: Clients, service_id: str) -> None:
    service = await asyncio.to_thread(clients.create, service_id, clients.template())
    async with SplitLoad(int(service.uri.rpartition(":")[2]), clients=32, pause=0) as load:
        await asyncio.sleep(1.5)
    assert load.seen.errors == []

    def all_counted() -> bool:
        return codes(cloud, service_id) == {"200": load.seen.requests}

    await asyncio.to_thread(wait_for, all_counted, "all log lines")
    lost = (await asyncio.to_thread(scrape, cloud))["slipway_request_log_lost"]
    assert [sample.value for sample in lost.samples] == [0]


@pytest.mark.asyncio
async def test_websocket_counts_but_has_no_latency(
    cloud: CloudProcess, clients: Clients, service_id: str
) -> None:
    service = await asyncio.to_thread(clients.create, service_id, clients.template())
    async with websockets.connect(service.uri.replace("http", "ws"), proxy=None) as socket:
        await socket.send("hello")
        await socket.recv()

    def counted() -> bool:
        return codes(cloud, service_id) == {"101": 1}

    await asyncio.to_thread(wait_for, counted, "the WebSocket's log line")
    samples = (await asyncio.to_thread(scrape, cloud))[LATENCIES].samples
    mine = [s for s in samples if s.labels["service_name"] == service_id]
    assert {s.value for s in mine} == {0}


def test_request_without_an_answer_counts_as_503(
    cloud: CloudProcess, clients: Clients, service_id: str
) -> None:
    with pytest.raises(Exception, match="not found"):
        clients.create(service_id, clients.template(image="none"))
    service = clients.services.get_service(name=f"projects/test/locations/us-central1/services/{service_id}")
    assert httpx.get(service.uri).status_code == 503
    wait_for(lambda: codes(cloud, service_id) == {"503": 1}, "the log line")


def test_metrics_of_instances_are_distinguished_by_labels(
    cloud: CloudProcess, clients: Clients, service_id: str
) -> None:
    service = clients.create(service_id, clients.template(revision=f"{service_id}-a", instances=2))
    with httpx.Client(base_url=service.uri) as client:
        for _ in range(50):
            client.get("/")
    families = scrape(cloud)
    own = [
        s
        for s in families["app_requests"].samples
        if s.name == "app_requests_total" and s.labels["service_name"] == service_id
    ]
    requests = [s for s in own if s.labels["path"] == "/"]
    assert sum(s.value for s in requests) == 50
    assert {s.labels["instance"] for s in requests} == {f"{service_id}-a-0", f"{service_id}-a-1"}
    for sample in own:
        assert sample.labels["project_id"] == "test"
        assert sample.labels["location"] == "us-central1"
        assert sample.labels["revision_name"] == f"{service_id}-a"
    assert families["process_resident_memory_bytes"].type == "gauge"
    assert [s.value for s in families["slipway_instances_without_metrics"].samples] == [0]


def test_instances_memory_is_sampled_against_its_limit(
    cloud: CloudProcess, clients: Clients, service_id: str
) -> None:
    clients.create(service_id, clients.template(revision=f"{service_id}-a", instances=2))

    def sampled() -> dict[str, float]:
        samples = scrape(cloud)[UTILIZATIONS].samples
        mine = [s for s in samples if s.labels["service_name"] == service_id]
        assert {s.labels["revision_name"] for s in mine} == {f"{service_id}-a"}
        return {s.name.removeprefix(f"{UTILIZATIONS}_"): s.value for s in mine if "le" not in s.labels}

    first = sampled()
    last = sampled()
    assert last["count"] == first["count"] + 2
    resident = [
        s.value
        for s in scrape(cloud)["process_resident_memory_bytes"].samples
        if s.labels["service_name"] == service_id
    ]
    mean = (last["sum"] - first["sum"]) / 2
    assert mean == pytest.approx(sum(resident) / 2 / 2**29, rel=0.2)
