"""A change by somebody else is seen and named; a step that is done again finds its own work."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
from google.cloud import run_v2
from slipway.exceptions import TrafficDrift
from slipway.hooks.cloud_run.state import state_of
from slipway.ledger.plan import PlannedService
from slipway.release.drift import require_no_drift

OLD, NEW, OTHER = "web-old", "web-new", "web-other"
PLANNED = PlannedService(
    image="r/web@sha256:0", progressive=True, names={"production": "web"}, revisions={"production": NEW}
)
BY_NAME = run_v2.TrafficTargetAllocationType.TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION


def service(
    split: dict[str, int], tags: dict[str, str] | None = None, revision: str = OLD, **env: str
) -> run_v2.Service:
    waiting = dict(split)
    statuses = [
        run_v2.TrafficTargetStatus(type_=BY_NAME, revision=name, percent=waiting.pop(name, 0), tag=tag)
        for tag, name in (tags or {}).items()
    ]
    statuses += [
        run_v2.TrafficTargetStatus(type_=BY_NAME, revision=name, percent=percent)
        for name, percent in waiting.items()
    ]
    variables = [run_v2.EnvVar(name=name, value=value) for name, value in env.items()]
    return run_v2.Service(
        name="projects/p/locations/l/services/web",
        etag="e2",
        last_modifier="ada@example.com",
        client="gcloud",
        template=run_v2.RevisionTemplate(
            revision=revision, containers=[run_v2.Container(image="r/web:1", env=variables)]
        ),
        traffic_statuses=statuses,
    )


def check(recorded: run_v2.Service, live: run_v2.Service, goal: dict[str, int]) -> None:
    require_no_drift(
        PLANNED, state_of(recorded), state_of(live), stable={OLD: 100}, goal=goal, tag="candidate"
    )


def test_nothing_changed_but_the_etag() -> None:
    recorded = service({OLD: 100})
    live = copy.deepcopy(recorded)
    live.etag, live.annotations = "e9", {"note": "looked at it"}
    check(recorded, live, {OLD: 100})


def test_a_step_done_again_finds_its_own_work() -> None:
    check(
        service({OLD: 100}, {"candidate": OLD}),
        service({OLD: 100}, {"candidate": NEW}, revision=NEW, COLOUR="blue"),
        {OLD: 100},
    )
    check(service({OLD: 90, NEW: 10}), service({OLD: 50, NEW: 50}), {OLD: 50, NEW: 50})


CHANGES: dict[str, tuple[Callable[[], run_v2.Service], str]] = {
    "traffic": (lambda: service({OLD: 60, NEW: 40}), r"traffic .*90.* -> .*40"),
    "stable": (lambda: service({OLD: 100}), r"traffic .*90.* -> .*100"),
    "tag": (lambda: service({OLD: 90, NEW: 10}, {"mine": OLD}), r"tags \{\} -> .*mine"),
    "image": (lambda: service({OLD: 90, NEW: 10}, revision=OTHER), "revision web-old -> web-other"),
    "variable": (lambda: service({OLD: 90, NEW: 10}, KEY="hunter2"), "env KEY absent -> present"),
}


@pytest.mark.parametrize(("live", "words"), CHANGES.values(), ids=CHANGES)
def test_somebody_elses_change_is_named_with_its_author(
    live: Callable[[], run_v2.Service], words: str
) -> None:
    with pytest.raises(TrafficDrift, match=words) as drift:
        check(service({OLD: 90, NEW: 10}), live(), {OLD: 50, NEW: 50})
    assert "web: changed by ada@example.com with gcloud" in str(drift.value)
    assert "Nothing was overwritten" in str(drift.value)


def test_no_value_of_the_environment_is_on_record() -> None:
    before, after = service({OLD: 100}, KEY="hunter2"), service({OLD: 100}, KEY="hunter3")
    recorded: dict[str, Any] = state_of(before)
    assert "hunter" not in str(recorded)
    with pytest.raises(TrafficDrift, match="env KEY changed") as drift:
        check(before, after, {OLD: 100})
    assert "hunter" not in str(drift.value)


def test_a_service_that_did_not_exist_has_nothing_to_compare() -> None:
    made = state_of(service({NEW: 100}))
    require_no_drift(PLANNED, None, made, stable={}, goal={NEW: 100}, tag="candidate")


def test_without_a_state_on_record_the_split_must_be_the_one_it_began_with() -> None:
    live, goal = state_of(service({OLD: 20, NEW: 80})), {OLD: 90, NEW: 10}
    with pytest.raises(TrafficDrift, match=r"serves .*80.*began at .*100"):
        require_no_drift(PLANNED, None, live, stable={OLD: 100}, goal=goal, tag="candidate")
    require_no_drift(PLANNED, None, live, stable={OLD: 100}, goal={OLD: 20, NEW: 80}, tag="candidate")
