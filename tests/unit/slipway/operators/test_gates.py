"""A gate goes on only on the verdict promote, with the services still locked; everything else rolls back."""

from __future__ import annotations

from typing import Any

import pytest
from airflow.providers.standard.operators.branch import BranchMixIn
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, TaskGroup
from airflow.sdk.exceptions import AirflowSkipException
from slipway.analysis.verdict import Verdict
from slipway.exceptions import ReleaseConflict
from slipway.ledger.entries import (
    ApprovalDecided,
    ChecklistItemChecked,
    ConfigurationWritten,
    DatabaseBackedUp,
    DatabaseChecked,
    GateDecided,
    LedgerEntry,
    MigrationsRehearsed,
    PhaseBaked,
    SchemaMigrated,
)
from slipway.operators import gates
from slipway.operators.gates import (
    BakeGateOperator,
    GateOperator,
    PreparationGateOperator,
    StagingGateOperator,
)
from slipway.policy.checklist import ITEMS

from tests.fake_ledger import FakeLedger
from tests.unit.slipway.on_record import LATER, context_of, opened, two_regions, using

STAGING = GateDecided(phase="staging", verdict=Verdict.PROMOTE, reason="all well")
PREPARED: tuple[LedgerEntry, ...] = (
    STAGING,
    ConfigurationWritten(environment="production", versions={}),
    DatabaseChecked(
        environment="production", linted=True, due=(), tables=(), disk_bytes=9, used_bytes=1, required_bytes=2
    ),
    DatabaseBackedUp(environment="production", instance="db", backup="1", rows_before={}, rows_after={}),
    MigrationsRehearsed(
        environment="production", backup="1", instance="copy", rows={}, rehearsed=(), seconds=1
    ),
    SchemaMigrated(environment="production", applied=(), held={}),
    *(ChecklistItemChecked(item=item, passed=True, reason=f"{item} is fine") for item in ITEMS),
    ApprovalDecided(approved=True, reason="jo answered 'Approve'"),
)
GO, BACK = ["phase_3.shift_traffic", "phase_3.warm_up"], ["phase_2.start_rollback"]


@pytest.fixture(autouse=True)
def branches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a gate return where it leads to."""
    monkeypatch.setattr(BranchMixIn, "do_branch", lambda _self, _context, tasks: tasks)


def gate(kind: type[GateOperator], phase: str, ledger: FakeLedger) -> GateOperator:
    """Return a gate as a phase has it: with its start_rollback, and what follows."""
    with DAG("release", schedule=None):
        with TaskGroup("phase_2"):
            made = kind(task_id="go_or_rollback", phase=phase)
            made >> EmptyOperator(task_id="start_rollback")
        with TaskGroup("phase_3"):
            made >> [EmptyOperator(task_id="warm_up"), EmptyOperator(task_id="shift_traffic")]
    return using(made, ledger)


def on_record(*entries: LedgerEntry, follows: str | None = None) -> tuple[FakeLedger, str]:
    """Return a ledger with an open release, and its id."""
    ledger = FakeLedger()
    release = opened(ledger, policy=two_regions().in_region(LATER) if follows else None, follows=follows)
    for entry in entries:
        ledger.append(release.release_id, entry)
    return ledger, release.release_id


def decided(ledger: FakeLedger, release: str, phase: str) -> GateDecided:
    found = ledger.get(release, GateDecided, phase=phase)
    assert found is not None
    return found


def test_everything_downstream_that_is_not_start_rollback_is_the_way_on() -> None:
    made = gate(StagingGateOperator, "staging", FakeLedger())
    assert (made.go, made.start_rollback) == (GO, BACK)


def test_a_promoted_phase_goes_on_and_renews_the_locks() -> None:
    ledger, release = on_record(*PREPARED)
    assert gate(PreparationGateOperator, "preparation", ledger).execute(context_of()) == GO
    decision = decided(ledger, release, "preparation")
    assert decision.verdict is Verdict.PROMOTE
    assert decision.leased_until == ledger.locks.renewed[-1]
    assert decision.task == "phase_2.go_or_rollback"


def test_a_lock_that_is_lost_is_a_rollback(monkeypatch: pytest.MonkeyPatch) -> None:
    def lost(*_: object) -> None:
        raise ReleaseConflict("service backend: release other holds it")

    ledger, release = on_record(*PREPARED)
    monkeypatch.setattr(gates, "hold_services", lost)
    assert gate(PreparationGateOperator, "preparation", ledger).execute(context_of()) == BACK
    assert decided(ledger, release, "preparation").reason == "service backend: release other holds it"


@pytest.mark.parametrize("left_out", PREPARED[1:6], ids=lambda entry: type(entry).__name__)
def test_production_is_not_begun_without_what_a_rollback_needs(left_out: LedgerEntry) -> None:
    ledger, release = on_record(*(entry for entry in PREPARED if entry is not left_out))
    assert gate(PreparationGateOperator, "preparation", ledger).execute(context_of()) == BACK
    assert decided(ledger, release, "preparation").reason == f"not on record: {left_out.key}"


def test_production_is_not_begun_without_the_approval() -> None:
    rejected = ApprovalDecided(approved=False, reason="jo answered 'Reject'")
    ledger, release = on_record(*PREPARED[:-1], rejected)
    assert gate(PreparationGateOperator, "preparation", ledger).execute(context_of()) == BACK
    assert "jo answered 'Reject'" in decided(ledger, release, "preparation").reason


@pytest.mark.parametrize("verdict", [None, Verdict.HOLD, Verdict.ROLLBACK])
def test_the_gate_of_preparation_is_skipped_when_staging_was_not_promoted(verdict: Verdict | None) -> None:
    before = () if verdict is None else (STAGING.model_copy(update={"verdict": verdict}),)
    ledger, release = on_record(*before, *PREPARED[1:])
    with pytest.raises(AirflowSkipException, match="phase 1 was not promoted"):
        gate(PreparationGateOperator, "preparation", ledger).execute(context_of())
    assert ledger.get(release, GateDecided, phase="preparation") is None


def test_a_later_region_is_judged_by_what_it_inherits_alone() -> None:
    ledger, release = on_record(*PREPARED, follows="before")
    ledger._written["before"] = [STAGING]
    assert gate(PreparationGateOperator, "preparation", ledger).execute(context_of()) == BACK
    decision = decided(ledger, release, "earlier_region")
    assert decision.verdict is Verdict.ROLLBACK
    assert "not on record of release before: " in decision.reason
    assert ledger.get(release, GateDecided, phase="preparation") is None


def test_the_first_tasks_of_a_later_region_are_skipped_and_say_whose_evidence_counts() -> None:
    ledger, _ = on_record(follows="before")
    task: Any = gate(StagingGateOperator, "staging", ledger)
    with pytest.raises(
        AirflowSkipException, match=f"for {LATER}: the evidence of release before is inherited"
    ):
        task.execute(context_of())


def test_staging_without_tests_is_not_promoted() -> None:
    ledger, release = on_record()
    assert gate(StagingGateOperator, "staging", ledger).execute(context_of()) == BACK
    assert decided(ledger, release, "staging").verdict is not Verdict.PROMOTE


@pytest.mark.parametrize(
    ("verdict", "leads", "words"),
    [
        (None, BACK, "no verdict on record"),
        (Verdict.HOLD, BACK, "on hold at the deadline: few requests"),
        (Verdict.ROLLBACK, BACK, "few requests"),
        (Verdict.PROMOTE, GO, "few requests"),
    ],
)
def test_a_phase_follows_its_last_bake(verdict: Verdict | None, leads: list[str], words: str) -> None:
    baked = [] if verdict is None else [PhaseBaked(phase="canary", verdict=verdict, reason="few requests")]
    ledger, release = on_record(*baked)
    assert gate(BakeGateOperator, "canary", ledger).execute(context_of()) == leads
    assert decided(ledger, release, "canary").reason == words


def test_a_gate_must_say_how_it_judges() -> None:
    ledger, _ = on_record()
    with pytest.raises(NotImplementedError, match="GateOperator must say how its phase is judged"):
        gate(GateOperator, "staging", ledger).execute(context_of())
