"""How it stands with a release, from its record."""

from __future__ import annotations

from datetime import timedelta

from slipway.analysis.verdict import Cause, Verdict
from slipway.ledger.entries import (
    BakeAnswered,
    GateDecided,
    LedgerEntry,
    Person,
    PhaseBaked,
    ReleaseLost,
    TrafficShifted,
)
from slipway.ledger.ledger import Outcome
from slipway.ui.api.models.evidence import BakeEvidence
from slipway.ui.api.models.release import Standing, Waiting
from slipway.ui.api.standing import standing

from tests.fake_ledger import BEGAN, FakeLedger
from tests.unit.slipway.on_record import opened

PASSED = [
    GateDecided(phase=phase, verdict=Verdict.PROMOTE, reason="ok") for phase in ("staging", "preparation")
]
SHIFTED = TrafficShifted(phase="canary", at=BEGAN, changes={})
FROZEN = PhaseBaked(
    phase="canary", verdict=Verdict.HOLD, reason="stable is ill", cause=Cause.FROZEN, needs_a_person=True
)


def of(
    *entries: LedgerEntry,
    waiting: Waiting | None = None,
    bake: BakeEvidence | None = None,
    outcome: Outcome | None = None,
    after: float = 60,
) -> Standing:
    ledger = FakeLedger()
    release = opened(ledger)
    for entry in entries:
        ledger.append(release.release_id, entry)
    if outcome is not None:
        ledger.close(release.release_id, outcome=outcome, reason="why it ended")
    found = ledger.release(release.release_id)
    return standing(
        found, ledger.entries(found.release_id), waiting, bake, now=BEGAN + timedelta(seconds=after)
    )


def asked(task_id: str) -> Waiting:
    return Waiting(
        subject="May it go on?",
        body="",
        options=("Yes", "No"),
        for_whom=("bob",),
        assigned_ids=("7",),
        since=BEGAN,
        until=BEGAN + timedelta(seconds=100),
        safe_option="No",
        task_id=task_id,
        map_index=-1,
        fields=(),
        dag_id="release",
        run_id="run",
    )


def test_a_bake_that_goes_on_says_how_far_it_is_and_what_time_is_left() -> None:
    bake = BakeEvidence(
        phase="canary",
        round=1,
        running=True,
        verdict="hold",
        reason="not yet enough evidence",
        seconds=60,
        bake_seconds=3600,
        checked_at=None,
        metrics=(),
        drawing_url=None,
    )
    found = of(*PASSED, SHIFTED, bake=bake)
    assert (found.state, found.phase, found.reason) == ("running", "canary", "not yet enough evidence")
    assert found.summary == "Canary, phase 3 of 5: bake, 1 min of 1 h: not yet enough evidence"
    assert found.seconds_left == 3540
    assert found.phase_deadline == BEGAN + timedelta(seconds=5400)
    assert of(*PASSED, SHIFTED, bake=bake, after=4000).seconds_left == 0


def test_a_question_is_what_a_release_waits_for() -> None:
    gate = of(waiting=asked("phase_2_production_preparation.approve"))
    assert (gate.state, gate.seconds_left, gate.reason) == ("waiting", 40, "May it go on?")
    assert of(*PASSED, SHIFTED, waiting=asked("phase_3_canary.bake")).state == "waiting"
    assert of(*PASSED, SHIFTED, FROZEN, waiting=asked("phase_3_canary.bake")).state == "on_hold"


def test_a_frozen_bake_is_on_hold_until_it_is_answered() -> None:
    assert of(*PASSED, SHIFTED, FROZEN).state == "on_hold"
    answered = BakeAnswered(
        phase="canary", reason="bob", user=Person(id="7", name="bob"), bake_on=True, at=BEGAN
    )
    found = of(*PASSED, SHIFTED, FROZEN, answered)
    assert (found.state, found.seconds_left) == ("running", 3540)


def test_a_release_that_goes_back_or_has_ended_says_why() -> None:
    against = GateDecided(phase="canary", verdict=Verdict.ROLLBACK, reason="errors")
    back = of(*PASSED, SHIFTED, against)
    assert (back.state, back.reason, back.seconds_left) == ("rolling_back", "canary: errors", None)
    ended = of(*PASSED, SHIFTED, against, outcome="rolled_back")
    assert (ended.state, ended.reason) == ("rolled_back", "why it ended")
    assert of(*PASSED, outcome="promoted").state == "promoted"


def test_a_lost_release_that_the_policy_leaves_to_a_person_is_lost() -> None:
    assert of(ReleaseLost(reason="the run is gone", action="notify")).state == "lost"
    assert of(ReleaseLost(reason="the run is gone", action="roll_back")).state == "rolling_back"
