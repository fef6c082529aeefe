"""Answers of a PromQL API, and where it is."""

from __future__ import annotations

import math

import pytest
from airflow.sdk import Connection
from slipway.exceptions import MetricsQueryInvalid, MetricsUnavailable
from slipway.hooks.metrics.promql import Sample, base_url, parse_result


def test_a_vector_gives_a_sample_per_series_and_nan_gives_none() -> None:
    data = {
        "resultType": "vector",
        "result": [
            {"metric": {"revision_name": "a"}, "value": [1700000000.5, "0.25"]},
            {"metric": {"revision_name": "b"}, "value": [1700000000.5, "NaN"]},
            {"metric": {"revision_name": "c"}, "value": [1700000000.5, "+Inf"]},
        ],
    }
    assert parse_result("up", data) == [
        Sample({"revision_name": "a"}, 0.25, 1700000000.5),
        Sample({"revision_name": "c"}, math.inf, 1700000000.5),
    ]


def test_a_scalar_is_one_sample_without_labels() -> None:
    assert parse_result("1", {"resultType": "scalar", "result": [5, "1"]}) == [Sample({}, 1.0, 5.0)]


def test_an_empty_vector_is_no_evidence_and_no_error() -> None:
    assert parse_result("up", {"resultType": "vector", "result": []}) == []


@pytest.mark.parametrize("kind", ["matrix", "string", None])
def test_any_other_result_names_the_query(kind: str | None) -> None:
    with pytest.raises(MetricsQueryInvalid, match=r"'up\[5m\]'"):
        parse_result("up[5m]", {"resultType": kind, "result": []})


@pytest.mark.parametrize(
    ("connection", "url"),
    [
        (
            Connection(conn_id="m", host="http://127.0.0.1:1/v1/projects/p/location/global/prometheus/"),
            "http://127.0.0.1:1/v1/projects/p/location/global/prometheus",
        ),
        (Connection(conn_id="m", host="metrics.example"), "https://metrics.example"),
        (Connection(conn_id="m", host="127.0.0.1", port=9090, schema="http"), "http://127.0.0.1:9090"),
    ],
)
def test_the_base_url_comes_from_the_connection(connection: Connection, url: str) -> None:
    assert base_url(connection) == url


def test_a_connection_without_a_host_says_so() -> None:
    with pytest.raises(MetricsUnavailable, match="connection m: no host"):
        base_url(Connection(conn_id="m"))
