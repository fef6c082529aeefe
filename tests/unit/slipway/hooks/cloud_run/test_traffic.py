"""The split of a service's traffic: read, planned, compared."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from google.cloud import run_v2
from hypothesis import given
from hypothesis import strategies as st
from slipway.exceptions import CloudRunError
from slipway.hooks.cloud_run.hook import revision_uri, serving_split
from slipway.hooks.cloud_run.traffic import TrafficPlan, describe_change, tags_of

LATEST = run_v2.TrafficTargetAllocationType.TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST
REVISION = run_v2.TrafficTargetAllocationType.TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION
NAME = "projects/p/locations/l/services/web"


def status(revision: str = "", percent: int = 0, tag: str = "", uri: str = "") -> run_v2.TrafficTargetStatus:
    return run_v2.TrafficTargetStatus(
        type_=REVISION if revision else LATEST, revision=revision, percent=percent, tag=tag, uri=uri
    )


def service(statuses: Sequence[run_v2.TrafficTargetStatus], latest: str = "web-9") -> run_v2.Service:
    return run_v2.Service(
        name=NAME, latest_ready_revision=f"{NAME}/revisions/{latest}", traffic_statuses=statuses
    )


def obeying(plan: TrafficPlan) -> run_v2.Service:
    """A service that was written ``plan`` and reports it."""
    targets = plan.targets()
    return run_v2.Service(
        name=NAME,
        traffic=targets,
        traffic_statuses=[status(t.revision, t.percent, t.tag) for t in targets],
    )


def test_split_is_by_short_name_and_counts_an_entry_for_latest_for_its_revision() -> None:
    statuses = [status(f"{NAME}/revisions/web-1", 60), status("web-2", 30), status(percent=10)]
    assert serving_split(service(statuses)) == {"web-1": 60, "web-2": 30, "web-9": 10}


def test_split_adds_up_entries_of_one_revision() -> None:
    assert serving_split(service([status("web-9", 40), status(percent=60)])) == {"web-9": 100}


def test_split_leaves_out_a_revision_that_is_reachable_by_its_tag_alone() -> None:
    statuses = [status("web-1", 100), status("web-2", 0, "canary"), status("web-3", 0)]
    assert serving_split(service(statuses)) == {"web-1": 100}
    assert tags_of(service(statuses)) == {"canary": "web-2"}


def test_split_is_empty_while_no_revision_ever_was_ready() -> None:
    assert serving_split(run_v2.Service(name=NAME, traffic_statuses=[status(percent=100)])) == {}


def test_the_url_of_a_tag_is_that_of_its_entry() -> None:
    found = service([status("web-1", 100), status("web-2", 0, "canary", "https://canary---web")])
    assert revision_uri(found, "canary") == "https://canary---web"
    with pytest.raises(CloudRunError, match="no URL for tag blue; its tags are canary"):
        revision_uri(found, "blue")


@pytest.mark.parametrize(
    ("split", "reason"),
    [
        ({}, "is 0 % in total"),
        ({"a": 90}, "is 90 % in total"),
        ({"a": 90, "b": 20}, "is 110 % in total"),
        ({"a": 150, "b": -50}, "a=150"),
        ({"a": 100.0}, "a=100.0"),
        ({"a": True, "b": 99}, "a=True"),
        ({"projects/p/revisions/a": 100}, "short name"),
        ({"": 100}, "short name"),
    ],
)
def test_a_split_that_is_not_whole_is_refused(split: dict[str, int], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        TrafficPlan.of(split, {})


def test_a_plan_names_every_revision_and_keeps_every_tag() -> None:
    plan = TrafficPlan.of(
        {"old": 90, "new": 10, "idle": 0}, {"canary": "new", "green": "new", "blue": "gone"}
    )
    assert [(t.type_, t.revision, t.percent, t.tag) for t in plan.targets()] == [
        (REVISION, "old", 90, ""),
        (REVISION, "new", 10, "canary"),
        (REVISION, "new", 0, "green"),
        (REVISION, "gone", 0, "blue"),
    ]


names = st.sampled_from(["r1", "r2", "r3", "r4"])


@st.composite
def plans(draw: st.DrawFn) -> TrafficPlan:
    cuts = sorted(draw(st.lists(st.integers(0, 100), min_size=3, max_size=3)))
    shares = [b - a for a, b in zip([0, *cuts], [*cuts, 100], strict=True)]
    split = dict(zip(["r1", "r2", "r3", "r4"], shares, strict=True))
    return TrafficPlan.of(split, draw(st.dictionaries(st.sampled_from(["t1", "t2", "t3"]), names)))


@given(plans())
def test_a_service_that_was_written_a_plan_is_seen_to_obey_it(plan: TrafficPlan) -> None:
    written = obeying(plan)
    assert sum(target.percent for target in written.traffic) == 100
    assert plan.asked_of(written)
    assert plan.shown_by(written)


@given(plans(), plans())
def test_two_plans_are_told_apart_exactly_when_they_differ(one: TrafficPlan, other: TrafficPlan) -> None:
    assert one.asked_of(obeying(other)) == (one == other)
    assert one.shown_by(obeying(other)) == (one == other)


def test_traffic_to_latest_is_never_taken_for_a_pinned_split() -> None:
    live = service([status(percent=100)])
    live.traffic = [run_v2.TrafficTarget(type_=LATEST, percent=100)]
    plan = TrafficPlan.of({"web-9": 100}, {})
    assert plan.shown_by(live)
    assert not plan.asked_of(live)


def test_a_change_is_described_with_who_and_what_and_without_values() -> None:
    before = obeying(TrafficPlan.of({"web-1": 100}, {}))
    after = obeying(TrafficPlan.of({"web-2": 100}, {}))
    before.generation, after.generation = 7, 8
    after.last_modifier, after.client, after.client_version = "eve@example.com", "gcloud", "500.0.0"
    after.template = run_v2.RevisionTemplate(
        revision="web-2",
        containers=[run_v2.Container(env=[run_v2.EnvVar(name="KEY", value="s3cret")])],
    )
    text = describe_change(before, after)
    assert "eve@example.com with gcloud 500.0.0" in text
    assert "generation 7 -> 8" in text
    assert "{'web-1': 100} -> {'web-2': 100}" in text
    assert "unnamed -> web-2" in text
    assert "s3cret" not in text
