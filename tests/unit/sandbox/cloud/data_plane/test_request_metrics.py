"""Cloud Run's request metrics."""

from __future__ import annotations

import pytest
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from sandbox.cloud.data_plane.request_log import LoggedRequest
from sandbox.cloud.data_plane.request_metrics import COUNT, LATENCIES, LOGGED, RequestMetrics

SERVICE = "projects/p/locations/l/services/svc"


@pytest.fixture
def metrics() -> RequestMetrics:
    return RequestMetrics({"r1": f"{SERVICE}/revisions/svc-a"}.get, {21020: SERVICE}.get)


def families(metrics: RequestMetrics) -> dict[str, Metric]:
    text = "\n".join(metrics.exposition()) + "\n"
    return {family.name: family for family in text_string_to_metric_families(text)}


def test_counts_by_code(metrics: RequestMetrics) -> None:
    for status in (200, 200, 404, 500):
        metrics.record(LoggedRequest(21020, "r1", status, 1))
    counts = {
        s.labels["response_code"]: (s.labels["response_code_class"], s.value)
        for s in families(metrics)[COUNT].samples
    }
    seen = {"200": ("2xx", 2), "404": ("4xx", 1), "500": ("5xx", 1)}
    from_the_start = {"429": ("4xx", 0), "502": ("5xx", 0), "503": ("5xx", 0)}
    assert counts == seen | from_the_start


def test_a_request_that_reached_no_instance_is_in_the_log_alone(metrics: RequestMetrics) -> None:
    metrics.record(LoggedRequest(21020, "r1", 429, 10_000, reached=False))
    metrics.record(LoggedRequest(21020, "r1", 429, 1))
    found = families(metrics)
    counted = {s.labels["response_code"]: s.value for s in found[COUNT].samples}
    logged = {s.labels["status"]: s.value for s in found[LOGGED].samples}
    assert (counted["429"], logged["429"]) == (1, 2)


def test_buckets_are_cumulative_and_include_their_edge(metrics: RequestMetrics) -> None:
    for milliseconds in (5, 6, 200, 10001):
        metrics.record(LoggedRequest(21020, "r1", 200, milliseconds))
    samples = families(metrics)[LATENCIES].samples
    buckets = {s.labels["le"]: s.value for s in samples if s.name.endswith("_bucket")}
    assert (buckets["5"], buckets["10"], buckets["100"], buckets["200"]) == (1, 2, 2, 3)
    assert (buckets["10000"], buckets["+Inf"]) == (3, 4)
    assert [s.value for s in samples if s.name.endswith("_sum")] == [5 + 6 + 200 + 10001]


def test_announced_revision_has_series_at_zero(metrics: RequestMetrics) -> None:
    metrics.announce(f"{SERVICE}/revisions/svc-a")
    samples = families(metrics)[COUNT].samples
    assert {s.value for s in samples} == {0}
    assert {"200", "500", "503"} <= {s.labels["response_code"] for s in samples}


def test_request_that_reached_no_revision(metrics: RequestMetrics) -> None:
    metrics.record(LoggedRequest(21020, "nobody", 503, 0))
    metrics.record(LoggedRequest(21099, "nobody", 503, 0))
    counted = [s for s in families(metrics)[COUNT].samples if s.value]
    assert [(s.labels["revision_name"], s.labels["service_name"], s.value) for s in counted] == [
        ("", "svc", 1)
    ]
