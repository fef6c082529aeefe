"""The metrics door, against a real Prometheus."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator

import pytest
from slipway.exceptions import MetricsQueryInvalid, MetricsUnavailable
from slipway.hooks.metrics.promql import PromQLHook, Sample
from slipway.policy.release import load_policy

from sandbox.supervisor.settings import Settings
from tests.integration.slipway.hooks.fault_proxy import Fault, FaultProxy, fault_proxy

pytestmark = pytest.mark.sandbox


@pytest.fixture
def proxy(prometheus_server: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultProxy]:
    origin, path = prometheus_server.prometheus_url.split("/v1/", 1)
    with fault_proxy(origin) as running:
        connection = {"conn_type": "http", "host": f"{running.url}/v1/{path}"}
        monkeypatch.setenv("AIRFLOW_CONN_SLIPWAY_PROMQL", json.dumps(connection))
        yield running


def test_a_value_comes_back_with_labels_and_the_moment_asked_for(proxy: FaultProxy) -> None:
    moment = time.time() - 60
    (sample,) = PromQLHook().query('label_replace(vector(2.5), "revision_name", "r1", "", "")', time=moment)
    assert sample == Sample({"revision_name": "r1"}, 2.5, sample.timestamp)
    assert sample.timestamp == pytest.approx(moment, abs=0.001)


def test_the_alerts_that_a_prometheus_evaluates_are_those_of_the_project(proxy: FaultProxy) -> None:
    alerts = load_policy("release.yaml").checklist.alerts
    assert alerts is not None
    assert set(alerts.names) <= (PromQLHook().alerts() or set())


def test_no_series_and_nan_are_no_evidence_never_zero(proxy: FaultProxy) -> None:
    hook = PromQLHook()
    assert hook.query("no_such_metric") == []
    assert hook.query("vector(0) / 0") == []
    assert [sample.value for sample in hook.query("vector(0)")] == [0.0]


@pytest.mark.parametrize("expr", ["rate(", "up[5m]", '"text"'])
def test_a_query_that_cannot_be_answered_is_named_and_asked_once(proxy: FaultProxy, expr: str) -> None:
    with pytest.raises(MetricsQueryInvalid) as caught:
        PromQLHook().query(expr)
    assert repr(expr) in str(caught.value)
    assert proxy.count("GET") == 1


@pytest.mark.parametrize(
    "fault",
    [
        Fault("GET", "query", status=503, times=2),
        Fault("GET", "query", status=429, times=2),
        Fault("GET", "query", lost="answer", times=2),
        Fault("GET", "query", delay=1.5, times=1),
    ],
    ids=["503", "429", "lost", "slow"],
)
def test_a_passing_failure_is_waited_out(proxy: FaultProxy, fault: Fault) -> None:
    injected = proxy.inject(fault)
    assert [sample.value for sample in PromQLHook(timeout=1.0).query("vector(1)")] == [1.0]
    assert injected.times == 0


@pytest.mark.parametrize("fault", [{"status": 503}, {"lost": "request"}, {"delay": 0.6}])
def test_a_lasting_failure_is_no_evidence_within_a_bound(proxy: FaultProxy, fault: dict[str, float]) -> None:
    proxy.inject(Fault("GET", "query", times=99, **fault))  # type: ignore[arg-type]
    began = time.monotonic()
    with pytest.raises(MetricsUnavailable, match=r"slipway_promql: .* after 3 attempts"):
        PromQLHook(timeout=0.3).query("vector(1)")
    assert time.monotonic() - began < 20
    assert proxy.count("GET") <= 3


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_refused_account_or_a_wrong_address_is_not_blamed_on_the_query(
    proxy: FaultProxy, status: int
) -> None:
    proxy.inject(Fault("GET", "query", status=status))
    with pytest.raises(MetricsUnavailable, match=f"answers {status}.*check the base URL"):
        PromQLHook().query("vector(1)")


@pytest.mark.asyncio
async def test_many_queries_at_once_share_one_client_and_survive_failures(proxy: FaultProxy) -> None:
    proxy.inject(Fault("GET", "query", status=503, times=5))
    async with PromQLHook() as hook:
        answers = await asyncio.gather(*(hook.aquery(f"vector({n})") for n in range(10)))
        client = hook._async_client
        assert [answer[0].value for answer in answers] == [float(n) for n in range(10)]
        with pytest.raises(MetricsQueryInvalid):
            await hook.aquery("rate(")
        assert hook._async_client is client
    assert proxy.count("GET", status=503) == 5


@pytest.mark.asyncio
async def test_a_metrics_api_that_is_down_is_no_evidence(
    proxy: FaultProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = {"conn_type": "http", "host": "http://127.0.0.1:9"}
    monkeypatch.setenv("AIRFLOW_CONN_SLIPWAY_PROMQL", json.dumps(connection))
    async with PromQLHook() as hook:
        with pytest.raises(MetricsUnavailable, match=r"http://127\.0\.0\.1:9"):
            await hook.aquery("vector(1)")
