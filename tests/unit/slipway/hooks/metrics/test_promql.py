"""Answers of a PromQL API, and where it is."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from functools import partial

import httpx
import pytest
from airflow.sdk import Connection
from slipway.exceptions import MetricsAnswerOdd, MetricsQueryInvalid, MetricsUnavailable
from slipway.hooks.metrics.promql import PromQLHook, Sample, base_url, parse_result, without_replicas


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


def test_series_of_a_pair_of_collectors_are_one_and_no_others_are() -> None:
    def sample(value: float, **labels: str) -> Sample:
        return Sample(labels, value, 5.0)

    answer = [
        sample(7, instance="a", replica="0"),
        sample(9, instance="a", replica="1"),
        sample(9, instance="b", replica="1"),
        sample(9, instance="b", job="x"),
    ]
    assert without_replicas(answer, ["replica"]) == [
        sample(9, instance="b", job="x"),
        sample(9, instance="a"),
        sample(9, instance="b"),
    ]
    assert without_replicas(answer, ["zone"]) == answer


@pytest.mark.parametrize("kind", ["matrix", "string", None])
def test_any_other_result_names_the_query(kind: str | None) -> None:
    with pytest.raises(MetricsQueryInvalid, match=r"'up\[5m\]'"):
        parse_result("up[5m]", {"resultType": kind, "result": []})


@pytest.mark.parametrize(
    ("item", "words"),
    [
        ({"metric": {"a": "b"}, "histogram": [5, {"count": "3"}]}, "is a native histogram"),
        ({"metric": {}, "value": [5, "many"]}, "is no series with a value"),
        ({"metric": {}, "value": [5]}, "is no series with a value"),
        ({"value": [5, "1"]}, "is no series with a value"),
    ],
)
def test_what_is_no_number_is_named_and_no_answer(item: dict[str, object], words: str) -> None:
    with pytest.raises(MetricsAnswerOdd, match=f"query 'up': .*{words}"):
        parse_result("up", {"resultType": "vector", "result": [item]})


def answered(monkeypatch: pytest.MonkeyPatch, body: Mapping[str, object]) -> list[Sample]:
    connection = {"conn_type": "http", "host": "http://metrics.example"}
    monkeypatch.setenv("AIRFLOW_CONN_SLIPWAY_PROMQL", json.dumps(connection))
    transport = httpx.MockTransport(lambda _: httpx.Response(200, json=body))
    client = partial(httpx.Client, transport=transport)
    monkeypatch.setattr(httpx, "Client", client)
    return PromQLHook().query("up")


def test_an_answer_with_warnings_may_be_partial_and_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    data = {"resultType": "vector", "result": [{"metric": {}, "value": [5, "1"]}]}
    body: dict[str, object] = {"status": "success", "data": data, "warnings": ["store a: deadline exceeded"]}
    with pytest.raises(MetricsAnswerOdd, match="may be partial: store a: deadline exceeded"):
        answered(monkeypatch, body)
    assert answered(monkeypatch, body | {"warnings": []}) == [Sample({}, 1.0, 5.0)]
    hint = "PromQL info: metric might not be a counter"
    assert answered(monkeypatch, body | {"warnings": [hint], "infos": [hint]}) == [Sample({}, 1.0, 5.0)]


def test_an_answer_without_data_names_the_query(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(MetricsQueryInvalid, match="'up'"):
        answered(monkeypatch, {"status": "success"})


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
