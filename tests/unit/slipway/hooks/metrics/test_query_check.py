"""Every query is tried before a release, and what cannot be counted is refused by name."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from slipway.exceptions import EvidenceUnusable, MetricsQueryInvalid, MetricsUnavailable, SlipwayError
from slipway.hooks.cloud_run.address import ServiceAddress
from slipway.hooks.metrics.promql import Sample
from slipway.hooks.metrics.query_check import check_queries
from slipway.policy.release import load_policy

WEB = ServiceAddress("there", "here", "web")


class Door:
    """Answers each query with what is set for a text in it, and otherwise with a counter at 0."""

    def __init__(self, answers: Mapping[str, SlipwayError | float]) -> None:
        self.answers = answers
        self.asked: list[str] = []

    def query(self, expr: str, time: float | None = None) -> list[Sample]:
        self.asked.append(expr)
        answer = next((answer for text, answer in self.answers.items() if text in expr), 0.0)
        if isinstance(answer, SlipwayError):
            raise answer
        if math.isnan(answer):
            return []
        return [Sample({"__name__": "n", "revision_name": "web-1", "instance": "a"}, answer, 0.0)]


def check(**answers: SlipwayError | float) -> tuple[list[str], Door]:
    door: Any = Door(answers)
    metrics = load_policy("release.yaml").metrics
    return check_queries(door, metrics, service=WEB, revisions=["web-1", "web-0"]), door


def test_every_query_is_asked_of_what_serves() -> None:
    problems, door = check()
    assert problems == []
    assert all('revision_name=~"web-1|web-0"' in text for text in door.asked)
    assert len(door.asked) >= 14


def test_a_refused_query_and_an_impossible_value_are_refused_with_the_metric() -> None:
    with pytest.raises(EvidenceUnusable) as caught:
        check(
            cost_calculation_checks_total=MetricsQueryInvalid("query 'q': refused: duplicate series"),
            websocket_connections_total=math.inf,
        )
    lines = str(caught.value).splitlines()
    assert "metrics.cost_accuracy: query 'q': refused: duplicate series" in lines
    assert 'metrics.websocket_connection: n{instance="a"} is inf, which no counter can be' in lines


def test_a_metric_that_only_warns_refuses_nothing() -> None:
    problems, _ = check(container_memory=MetricsQueryInvalid("query 'q': refused"))
    assert problems == ["metrics.memory: query 'q': refused"]
    problems, _ = check(container_memory=MetricsUnavailable("no answer"))
    assert problems == ["metrics.memory: no answer"]
    assert check(container_memory=math.inf)[0] == [], "a level may be anything"


def test_a_source_that_is_down_is_not_blamed_on_the_policy() -> None:
    with pytest.raises(MetricsUnavailable, match="no answer"):
        check(session_isolation_breaches_total=MetricsUnavailable("no answer"))


def test_a_counter_that_must_stay_zero_must_be_there_at_zero() -> None:
    with pytest.raises(EvidenceUnusable, match=r"metrics\.session_isolation: .*must be exported at 0"):
        check(session_isolation_breaches_total=math.nan)
    assert check(websocket_connections_total=math.nan)[0] == [], "others may come with an event"


def test_series_of_no_revision_are_refused_and_a_zero_in_place_of_none_is_not() -> None:
    class Summed(Door):
        def query(self, expr: str, time: float | None = None) -> list[Sample]:
            return [replace(sample, labels={}) for sample in super().query(expr, time)]

    metrics = {"error_rate": load_policy("release.yaml").metrics["error_rate"]}
    door: Any = Summed({"request_count": 7.0})
    with pytest.raises(EvidenceUnusable, match="1 series without the label revision_name"):
        check_queries(door, metrics, service=WEB, revisions=["web-1"])
    door = Summed({})
    assert check_queries(door, metrics, service=WEB, revisions=["web-1"]) == []


class Replicated(Door):
    """Every counter is collected by two replicas, or arrives once more under another label."""

    def __init__(self, label: str) -> None:
        super().__init__({})
        self.label = label

    def query(self, expr: str, time: float | None = None) -> list[Sample]:
        now = 10_000.0 if time is None else time
        return [
            Sample({"revision_name": "web-1", "instance": "a", self.label: name}, now, now)
            for name in ("x", "y")
        ]


@pytest.mark.parametrize("label", ["prometheus_replica", "zone"])
def test_a_counter_that_is_collected_twice_is_refused_with_the_label(label: str) -> None:
    door: Any = Replicated(label)
    metrics = {key: load_policy("release.yaml").metrics[key] for key in ("error_rate", "memory")}
    with pytest.raises(EvidenceUnusable, match=f"metrics.error_rate: .*with {label} x and y"):
        check_queries(door, metrics, service=WEB, revisions=["web-1"])
