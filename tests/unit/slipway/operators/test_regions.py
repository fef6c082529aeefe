"""A version goes from region to region, each by a run of its own, and stops where one is not promoted."""

from __future__ import annotations

from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException, DagRunTriggerException, TaskDeferred
from slipway.exceptions import LoadBalancerMisconfigured, NotificationFailed, RequestRefused
from slipway.ledger.entries import NextRegionStarted, RegionsReported
from slipway.ledger.ledger import Release
from slipway.notifiers.team import TeamNotifier
from slipway.operators import regions
from slipway.operators.regions import ReleaseRegionsOperator

from tests.fake_ledger import FakeLedger
from tests.unit.slipway.on_record import (
    FIRST,
    LATER,
    VERSION,
    context_of,
    opened,
    two_regions,
    using,
)

ASKED = {"policy": "release.yaml", "reason": "it is time", "images": None, "stable_is_broken": False}
SERVING: dict[str, Any] = {FIRST: {}, LATER: {}}


class Row:
    """One row of regions: the runs that Airflow knows, and the ledger."""

    def __init__(self) -> None:
        self.states: dict[str, str] = {}
        self.ledger = FakeLedger()

    def get_dr_count(self, dag_id: str, *, run_ids: list[str]) -> int:
        assert dag_id == "release"
        return sum(run in self.states for run in run_ids)

    def get_dagrun_state(self, dag_id: str, run_id: str) -> str:
        assert dag_id == "release"
        return self.states[run_id]

    def go_on(self, **asked: Any) -> list[str]:
        task = using(ReleaseRegionsOperator(task_id="regions", release_dag_id="release"), self.ledger)
        context = context_of("all", **ASKED, **asked) | {"ti": self}
        return task.execute_complete(context, None) if self.states else task.execute(context)

    def started(self, **asked: Any) -> DagRunTriggerException:
        """Return the run that is started next."""
        with pytest.raises(DagRunTriggerException) as caught:
            self.go_on(**asked)
        return caught.value

    def ended(self, region: str, outcome: str, *, follows: str | None = None) -> Release:
        """Open a region's release and end it, with its run."""
        run = f"all--{region}"
        release = opened(self.ledger, run, two_regions().in_region(region), follows=follows)
        self.states[run] = "success" if outcome == "promoted" else "failed"
        if outcome in ("promoted", "rolled_back"):
            self.ledger.close(release.release_id, outcome=outcome, reason="5 % errors")  # type: ignore[arg-type]
        return release


@pytest.fixture
def row(monkeypatch: pytest.MonkeyPatch) -> Row:
    monkeypatch.setattr(regions, "load_policy", lambda _: two_regions())
    monkeypatch.setattr(regions, "serving_by_region", lambda *_: SERVING)
    monkeypatch.setattr(regions, "require_reachable", lambda *_: [])
    return Row()


@pytest.fixture
def messages(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the team is notified of."""
    sent: list[str] = []
    monkeypatch.setattr(TeamNotifier, "notify", lambda self, _: sent.append(self.message))
    return sent


def test_the_first_region_gets_what_was_asked_for_and_a_region_that_runs_is_waited_for(row: Row) -> None:
    first = row.started(services=["backend"])
    assert first.dag_run_id == f"all--{FIRST}"
    assert first.conf == {
        "version": VERSION,
        "policy": "release.yaml",
        "reason": "it is time",
        "services": ["backend"],
        "region": FIRST,
    }
    assert first.wait_for_completion
    assert first.deferrable
    row.states[first.dag_run_id] = "running"
    with pytest.raises(TaskDeferred) as waiting:
        row.go_on()
    assert waiting.value.trigger.serialize()[1]["run_ids"] == [first.dag_run_id]


def test_a_promoted_region_starts_the_next_with_its_evidence_until_all_are_promoted(row: Row) -> None:
    first = row.ended(FIRST, "promoted")
    second, again = row.started(services=["backend"]), row.started(services=["backend"])
    assert second.dag_run_id == again.dag_run_id == f"all--{LATER}"
    assert second.conf == {
        "version": VERSION,
        "policy": "release.yaml",
        "reason": "it is time",
        "region": LATER,
        "follows": first.release_id,
    }
    noted = row.ledger.get(first.release_id, NextRegionStarted, region=LATER)
    assert noted is not None
    assert (noted.run, noted.conf) == (second.dag_run_id, second.conf)
    last = row.ended(LATER, "promoted", follows=first.release_id)
    assert row.go_on() == [FIRST, LATER]
    for release in (first, last):
        report = row.ledger.get(release.release_id, RegionsReported)
        assert report is not None
        assert (report.outcome, report.serving, report.kept) == ("promoted", SERVING, ())


@pytest.mark.parametrize(("outcome", "words"), [("rolled_back", "rolled back"), ("open", "open")])
def test_a_region_that_is_not_promoted_ends_the_row(row: Row, outcome: str, words: str) -> None:
    row.ended(FIRST, outcome)
    with pytest.raises(AirflowFailException, match=f"in {FIRST}: {words}: .*; no further region gets it"):
        row.go_on()


def test_a_later_region_that_is_rolled_back_leaves_the_first_and_says_once_how_it_goes_back(
    row: Row, messages: list[str]
) -> None:
    first = row.ended(FIRST, "promoted")
    later = row.ended(LATER, "rolled_back", follows=first.release_id)
    for _ in range(2):
        with pytest.raises(AirflowFailException, match=f"no further region gets it; {FIRST} keep it"):
            row.go_on()
    report = row.ledger.get(later.release_id, RegionsReported)
    assert report is not None
    assert report.kept == (FIRST,)
    commands = report.rollback_commands[FIRST]
    assert all(f"--region {FIRST} " in command for command in commands)
    (message,) = messages
    assert f"rolled back in {LATER}: 5 % errors" in message
    assert commands[0] in message
    assert report.notified == "via slipway_team"


def test_a_team_that_is_not_reached_does_not_prevent_the_report(
    row: Row, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise NotificationFailed("connection slipway_team: nobody answers")

    monkeypatch.setattr(TeamNotifier, "notify", fails)
    first = row.ended(FIRST, "promoted")
    later = row.ended(LATER, "rolled_back", follows=first.release_id)
    with pytest.raises(AirflowFailException):
        row.go_on()
    report = row.ledger.get(later.release_id, RegionsReported)
    assert report is not None
    assert report.notified == "connection slipway_team: nobody answers"


def test_a_release_that_was_refused_ends_the_row(row: Row) -> None:
    row.states[f"all--{FIRST}"] = "failed"
    with pytest.raises(AirflowFailException, match=f"{FIRST} refused: see preflight of run all--{FIRST}"):
        row.go_on()


def test_a_load_balancer_that_leads_elsewhere_keeps_the_next_region_from_starting(
    row: Row, monkeypatch: pytest.MonkeyPatch
) -> None:
    def wrong(*_: object) -> None:
        raise LoadBalancerMisconfigured("backend service netra: is INTERNAL")

    monkeypatch.setattr(regions, "require_reachable", wrong)
    first = row.ended(FIRST, "promoted")
    with pytest.raises(LoadBalancerMisconfigured):
        row.go_on()
    assert row.ledger.get(first.release_id, NextRegionStarted, region=LATER) is None


def test_the_row_begins_where_a_person_says(row: Row) -> None:
    begun = row.started(region=LATER)
    assert (begun.dag_run_id, begun.conf["region"]) == (f"all--{LATER}", LATER)  # type: ignore[index]
    with pytest.raises(RequestRefused, match="region='moon': must be one of"):
        row.go_on(region="moon")
