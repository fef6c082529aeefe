"""The phases of a release, for the stepper."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from slipway.analysis.verdict import Verdict
from slipway.ledger.entries import (
    ApprovalDecided,
    BakeAnswered,
    GateDecided,
    LedgerEntry,
    Person,
    TrafficShifted,
)
from slipway.ledger.entries.base import Inherited
from slipway.ledger.ledger import Outcome
from slipway.ledger.listing import PHASES as PHASES_ON_RECORD
from slipway.task_groups import phases as task_groups
from slipway.ui.api.links import Links
from slipway.ui.api.models.base import StepName
from slipway.ui.api.models.release import Step
from slipway.ui.api.steps import EVIDENCE, PHASES, current_phase, steps

from tests.fake_ledger import BEGAN, FakeLedger
from tests.unit.slipway.on_record import opened

GROUPS: Mapping[StepName, Any] = {
    "staging": task_groups.staging_validation,
    "preparation": task_groups.production_preparation,
    "canary": task_groups.canary,
    "half": task_groups.gradual_increase,
    "full": task_groups.full_rollout,
}


def gate(phase: str, verdict: Verdict = Verdict.PROMOTE, **fields: Any) -> GateDecided:
    return GateDecided(phase=phase, verdict=verdict, reason=f"{phase} is {verdict}", **fields)


def of(*entries: LedgerEntry, waiting: bool = False, outcome: Outcome | None = None) -> list[Step]:
    """Return the steps of a release with these entries after the one that opened it."""
    ledger = FakeLedger()
    release = opened(ledger)
    for entry in entries:
        ledger.append(release.release_id, entry)
    if outcome is not None:
        ledger.close(release.release_id, outcome=outcome, reason="why")
    found = ledger.release(release.release_id)
    return list(steps(found, ledger.entries(found.release_id), Links("/slipway"), waiting=waiting))


def test_every_phase_leads_to_its_task_group_in_airflow() -> None:
    assert list(PHASES) == list(GROUPS) == list(PHASES_ON_RECORD)
    for phase, made_by in GROUPS.items():
        assert PHASES[phase].group == inspect.signature(made_by).parameters["group_id"].default
    assert of()[2].group_url.endswith("/tasks/group/phase_3_canary")


def test_a_release_that_has_begun_is_in_its_first_phase() -> None:
    assert [step.state for step in of()] == ["running", *["pending"] * 4]
    assert [step.state for step in of(gate("staging"), waiting=True)] == [
        "passed",
        "waiting",
        *["pending"] * 3,
    ]


def test_a_phase_begins_when_the_gate_before_it_has_decided() -> None:
    first, second, third, *_ = of(gate("staging"), gate("preparation"))
    assert first.ended_at == second.began_at
    assert second.ended_at == third.began_at
    assert (third.ended_at, third.gate, third.traffic_percent) == (None, None, 10)


def test_what_comes_after_a_failed_gate_is_not_reached() -> None:
    found = of(gate("staging"), gate("preparation"), gate("canary", Verdict.ROLLBACK), outcome="rolled_back")
    assert [step.state for step in found] == ["passed", "passed", "failed", "not_reached", "not_reached"]
    assert found[2].gate is not None
    assert (found[2].gate.verdict, found[2].gate.decided_by) == ("rollback", EVIDENCE)


def test_a_promoted_release_has_passed_every_phase_and_an_inherited_gate_says_so() -> None:
    inherited = Inherited(release="v1-2-0-abcdef", sequence=3, hash="0" * 64)
    found = of(
        gate("staging", inherited_from=inherited),
        *(gate(phase) for phase in list(PHASES)[1:]),
        outcome="promoted",
    )
    assert [step.state for step in found] == ["inherited", *["passed"] * 4]


def test_a_gate_names_the_person_whose_answer_it_rests_on() -> None:
    bob = Person(id="7", name="bob")
    approved = ApprovalDecided(approved=True, reason="bob answered 'Approve'", user=bob)
    found = of(gate("staging"), approved, gate("preparation"))
    assert found[1].gate is not None
    assert found[1].gate.decided_by == "bob"
    answered = BakeAnswered(phase="canary", reason="bob answered", user=bob, bake_on=False, at=BEGAN)
    found = of(gate("staging"), gate("preparation"), answered, gate("canary", Verdict.ROLLBACK))
    assert found[2].gate is not None
    assert found[2].gate.decided_by == "bob"


def test_traffic_that_has_moved_reaches_its_phase_without_a_gate_before_it() -> None:
    assert current_phase({}, {"canary"}) == "canary"
    shifted = TrafficShifted(phase="canary", at=BEGAN, changes={})
    assert [step.state for step in of(shifted)][:3] == ["passed", "passed", "running"]
