"""Every Prometheus query of the dashboards, on a real Prometheus with ten minutes of a platform's metrics."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from sandbox.databases import prometheus
from sandbox.platform.metrics import EVENT_SECONDS, REQUEST_SECONDS
from sandbox.supervisor.settings import REPOSITORY, Settings
from tests.grafana_panels import PROMETHEUS, queries
from tests.own_sandbox import own_sandbox
from tests.servers import TOOL_SECONDS, prometheus_with

pytestmark = pytest.mark.sandbox
MINUTES = 10
STEP_SECONDS = 15
PROJECT, SERVICE = "netra-production", "netra-backend-prod"
QUERIES = list(queries(PROMETHEUS))


def series(name: str, per_step: int, **labels: str) -> Iterator[str]:
    """The lines of a counter of both revisions, in OpenMetrics' text format."""
    end = int(time.time())
    for revision in ("netra-backend-prod-old", "netra-backend-prod-new"):
        named = {"project_id": PROJECT, "service_name": SERVICE, "revision_name": revision, **labels}
        text = ",".join(f'{key}="{value}"' for key, value in named.items())
        for step in range(MINUTES * 60 // STEP_SECONDS + 1):
            yield f"{name}{{{text}}} {step * per_step} {end - MINUTES * 60 + step * STEP_SECONDS}"


def histogram(name: str, edges: tuple[float, ...]) -> Iterator[str]:
    """Ninety of a hundred are within the fourth edge, and all within the fifth."""
    for index, edge in enumerate(edges):
        yield from series(f"{name}_bucket", 90 if index < 4 else 100, le=f"{float(edge):g}")
    yield from series(f"{name}_bucket", 100, le="+Inf")
    yield from series(f"{name}_count", 100)


def platform() -> Iterator[str]:
    for outcome, count in (("success", 97), ("failure", 3)):
        yield from series("token_optimization_attempts_total", count, outcome=outcome)
        yield from series("websocket_connections_total", count, outcome=outcome)
    for result, count in (("accurate", 99), ("inaccurate", 1)):
        yield from series("cost_calculation_checks_total", count, result=result)
    for outcome, count in (("delivered", 99), ("lost", 1)):
        yield from series("websocket_events_total", count, outcome=outcome)
    yield from series("token_optimization_cost_original_usd_total", 10)
    yield from series("token_optimization_cost_usd_total", 8)
    yield from series("session_isolation_breaches_total", 0)
    for code, count in (("200", 999), ("429", 1)):
        yield from series(
            "run_googleapis_com:request_count",
            count,
            monitored_resource="cloud_run_revision",
            response_code=code,
        )
    yield from histogram("http_request_duration_seconds", REQUEST_SECONDS)
    yield from histogram("websocket_event_latency_seconds", EVENT_SECONDS)


@pytest.fixture(scope="module")
def server() -> Iterator[Settings]:
    """A Prometheus that has the metrics, as if it had scraped them."""
    with own_sandbox() as own, prometheus_with(platform(), own):
        yield own


def ask(settings: Settings, expression: str, project: str = PROJECT) -> list[dict[str, Any]]:
    expression = expression.replace("$service", SERVICE).replace("$project", project)
    answer = httpx.get(f"{settings.prometheus_url}/api/v1/query", params={"query": expression})
    assert answer.status_code == 200, answer.text
    result: list[dict[str, Any]] = answer.json()["data"]["result"]
    return result


@pytest.mark.parametrize("query", QUERIES, ids=[name for name, _, _ in QUERIES])
def test_a_panel_shows_numbers_and_its_legend(query: tuple[str, Any, Any], server: Settings) -> None:
    name, _, target = query
    result = ask(server, target["expr"])
    assert result, name
    of_all = ask(server, target["expr"], ".*")
    # Prometheus answers in no order of its own.
    series = [sorted(str(sample["metric"]) for sample in found) for found in (of_all, result)]
    assert series[0] == series[1], "all projects"
    if "$service" in target["expr"]:
        assert ask(server, target["expr"], "another-project") == []
    for sample in result:
        assert float(sample["value"][1]) == float(sample["value"][1]), f"{name} is not a number"
    if "{{revision_name}}" in target["legendFormat"]:
        assert {sample["metric"]["revision_name"] for sample in result} == {
            "netra-backend-prod-old",
            "netra-backend-prod-new",
        }


@pytest.mark.parametrize(
    ("title", "value"),
    [
        ("Optimization success now", 97),
        ("Cost calculation accuracy now", 99),
        ("WebSocket events delivered now", 99),
        ("WebSocket connection success now", 97),
        ("Error rate now", 0.1),
        ("Isolation breaches in the last hour", 0),
        # Half way into the fifth bucket, which has the last ten of a hundred: 0.05 to 0.1 s.
        ("WebSocket event latency P95 now", 0.075),
        ("Latency P95 now", 0.075),
        # 2 x (10 - 8) USD every 15 s, for an hour.
        ("Savings now", 960),
    ],
)
def test_a_panel_shows_what_was_counted(title: str, value: float, server: Settings) -> None:
    ((_, _, target),) = [query for query in QUERIES if query[1]["title"] == title]
    assert float(ask(server, target["expr"])[0]["value"][1]) == pytest.approx(value, rel=0.01)


def test_the_configuration_for_compose_is_one_that_prometheus_reads() -> None:
    done = subprocess.run(
        [
            prometheus.promtool(),
            "check",
            "config",
            "--syntax-only",
            Path(REPOSITORY, "include", "monitoring", "prometheus.yml"),
        ],
        capture_output=True,
        text=True,
        timeout=TOOL_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
