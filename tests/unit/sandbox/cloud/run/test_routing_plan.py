"""Which revisions a service's traffic means."""

from __future__ import annotations

import pytest
from google.cloud import run_v2

from sandbox.cloud.run import routing_plan
from sandbox.cloud.run.conditions import Failure, condition
from sandbox.cloud.run.routing_plan import UnroutableError
from sandbox.cloud.run.validation import LATEST, REVISION

NAME = "projects/p/locations/l/services/svc"


def service(*targets: run_v2.TrafficTarget, latest_ready: str = "b") -> run_v2.Service:
    return run_v2.Service(
        name=NAME, traffic=list(targets), latest_ready_revision=f"{NAME}/revisions/{latest_ready}"
    )


def to(revision: str, percent: int, tag: str = "") -> run_v2.TrafficTarget:
    return run_v2.TrafficTarget(type_=REVISION, revision=revision, percent=percent, tag=tag)


REVISIONS = {"a": run_v2.Revision(), "b": run_v2.Revision()}


def test_latest_is_the_latest_ready_one() -> None:
    latest = run_v2.TrafficTarget(type_=LATEST, percent=40)
    plan = routing_plan.plan(service(to("a", 50), latest, to("b", 10, "t")), REVISIONS)
    assert plan.split == {"a": 50, "b": 50}
    assert plan.tags == {"t": "b"}
    assert [(s.revision, s.percent, s.tag, s.uri) for s in plan.statuses(lambda tag: f"http://{tag}")] == [
        ("a", 50, "", ""),
        ("b", 40, "", ""),
        ("b", 10, "t", "http://t"),
    ]


def test_zero_percent_is_no_part_of_the_split() -> None:
    plan = routing_plan.plan(service(to("a", 100), to("b", 0, "t")), REVISIONS)
    assert plan.split == {"a": 100}


def test_unknown_revision() -> None:
    with pytest.raises(UnroutableError, match="'c' does not exist or is deleted") as caught:
        routing_plan.plan(service(to("c", 100)), REVISIONS)
    assert caught.value.failure.code == 13


def test_failed_revision() -> None:
    ready = condition("Ready", Failure(9, "no image"), None)  # type: ignore[arg-type]
    with pytest.raises(UnroutableError, match=r"'a' is not ready and cannot serve traffic\. no image"):
        routing_plan.plan(service(to("a", 100)), {"a": run_v2.Revision(conditions=[ready])})
