"""A limit without a bucket edge is refused with the metric, the limit and the edges that there are."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pytest
from slipway.exceptions import BucketEdgeMissing
from slipway.hooks.cloud_run.address import ServiceAddress
from slipway.hooks.metrics.bucket_edges import check_bucket_edges, stood_in
from slipway.hooks.metrics.promql import Sample
from slipway.hooks.metrics.query_text import bucket_query
from slipway.policy.metrics import QuantileMetric
from slipway.policy.release import load_policy


class Door:
    """Answers every query with the edges of one histogram."""

    def __init__(self, *edges: str) -> None:
        self.edges = edges
        self.asked: list[str] = []

    def query(self, expr: str) -> Sequence[Sample]:
        self.asked.append(expr)
        return [Sample({"revision_name": "web-1", "le": edge}, 0.0, 0.0) for edge in self.edges]


def latency() -> QuantileMetric:
    metric = load_policy("release.yaml").metrics["latency_p95"]
    assert isinstance(metric, QuantileMetric)
    return metric


def check(door: Door, metric: QuantileMetric) -> dict[str, list[float]]:
    return check_bucket_edges(
        door,  # type: ignore[arg-type]
        {"latency_p95": metric, "error_rate": load_policy("release.yaml").metrics["error_rate"]},
        service=ServiceAddress("there", "here", "web"),
        revision="web-1",
    )


@pytest.mark.parametrize("spelling", ["2", "2.0"])
def test_every_limit_has_its_edge_however_the_source_spells_it(spelling: str) -> None:
    door = Door("0.5", "1", spelling, "+Inf")
    assert check(door, latency()) == {"latency_p95": [0.5, 1, 2]}
    (asked,) = door.asked
    assert 'location="here",service_name="web",revision_name=~"web-1",le!=""' in asked
    (pattern,) = re.findall(r'le=~"(.*)"', bucket_query(latency(), 2))
    # PromQL reads one level of backslashes away, and anchors the pattern.
    assert re.fullmatch(pattern.replace(r"\\", "\\"), spelling)
    assert not re.fullmatch(pattern.replace(r"\\", "\\"), "250")


def test_a_missing_edge_is_refused_with_metric_limit_and_what_there_is() -> None:
    with pytest.raises(BucketEdgeMissing) as caught:
        check(Door("0.25", "1", "2.5", "+Inf"), latency())
    first, second = str(caught.value).splitlines()
    assert first == (
        "metrics.latency_p95.target_seconds=0.5: the histogram of revision web-1 has no bucket edge "
        "at 0.5 s; it has 0.25, 1, 2.5. Add that edge to the histogram, or set the limit to one of its edges"
    )
    assert "metrics.latency_p95.trigger_seconds=2: " in second


def test_a_histogram_in_milliseconds_is_asked_for_milliseconds() -> None:
    metric = latency().model_copy(update={"bucket_unit": "ms"})
    assert check(Door("500", "2000", "+Inf"), metric) == {"latency_p95": [500, 2000]}
    assert r'le=~"500|500\\.0"' in bucket_query(metric, 0.5)
    with pytest.raises(BucketEdgeMissing, match=r"no bucket edge at 500 ms; it has 0\.5, 2\."):
        check(Door("0.5", "2"), metric)


def test_a_source_without_the_histogram_is_refused() -> None:
    with pytest.raises(BucketEdgeMissing, match="it has no series at all"):
        check(Door(), latency())


def platforms() -> QuantileMetric:
    """Cloud Run's own histogram, in milliseconds, whose edges nobody chooses."""
    return latency().model_copy(update={"bucket_unit": "ms", "on_missing_edge": "stricter"})


def test_a_limit_between_two_fixed_edges_is_judged_at_the_lower_one_and_this_is_said() -> None:
    found = check(Door("250", "400", "1000", "1999.0000000000002", "2500"), platforms())
    judged = platforms().at_edges(found["latency_p95"])
    assert judged.limits_seconds == pytest.approx((0.4, 1.999))
    assert r'le=~"1999\\.0000000000002"' in bucket_query(judged, judged.trigger_seconds)
    assert judged.stated_seconds == (0.5, 2)
    assert list(stood_in({"latency_p95": platforms()}, found)) == [
        "latency_p95: limits of 0.5 and 2 s are judged at the next lower bucket edges, 0.4 and 1.999 s"
    ]


def test_limits_that_are_edges_stay_and_nothing_is_said() -> None:
    found = check(Door("500", "2000"), platforms())
    assert platforms().at_edges(found["latency_p95"]) == platforms()
    assert not list(stood_in({"latency_p95": platforms()}, found))


def test_a_limit_below_every_edge_is_refused() -> None:
    with pytest.raises(BucketEdgeMissing, match=r"target_seconds=0\.5: .* it has 1000, 2000\."):
        check(Door("1000", "2000"), platforms())


def test_a_products_own_histogram_is_never_judged_elsewhere() -> None:
    assert latency().at_edges([0.25, 1]) == latency()
