"""The teardown ends what is still open, and makes a run red that a person has ended early."""

from __future__ import annotations

import pytest
from airflow.sdk.exceptions import AirflowFailException
from slipway.ledger.entries import ReleaseReconciled, ServicesReleased
from slipway.operators.reconcile import ReconcileReleaseOperator

from tests.fake_ledger import FakeLedger
from tests.unit.slipway.on_record import context_of, opened, run_with, using


def teardown(ledger: FakeLedger) -> ReconcileReleaseOperator:
    return using(ReconcileReleaseOperator(task_id="reconcile", verdict="verdict"), ledger)


def test_an_open_release_is_rolled_back_and_closed(done: list[str]) -> None:
    ledger = FakeLedger()
    release = opened(ledger)
    assert teardown(ledger).execute(context_of()) == "rolled back"
    assert done == ["traffic restored", "services released", "team notified", "report written"]
    assert ledger.get(release.release_id, ReleaseReconciled) is not None
    assert ledger.release(release.release_id).outcome == "rolled_back"


def test_what_serves_is_read_again_although_the_release_is_closed(done: list[str]) -> None:
    ledger = FakeLedger()
    opened(ledger)
    teardown(ledger).execute(context_of())
    assert teardown(ledger).execute(context_of()) == "rolled back"
    ended = ["traffic restored", "services released", "team notified", "report written"]
    assert done == [*ended, "traffic restored", "report written"]


def test_a_promoted_release_whose_services_were_not_released_keeps_its_traffic(done: list[str]) -> None:
    ledger = FakeLedger()
    release = opened(ledger)
    ledger.close(release.release_id, outcome="promoted", reason="every phase was promoted")
    assert teardown(ledger).execute(context_of() | run_with("skipped")) == "promoted"
    assert done == ["services released"]
    assert ledger.get(release.release_id, ServicesReleased) is not None


def test_a_run_without_a_release_needs_no_reconciliation(done: list[str]) -> None:
    assert teardown(FakeLedger()).execute(context_of()) == "never opened"
    assert done == []


@pytest.mark.parametrize("verdict", ["skipped", "success", "removed"])
def test_a_run_that_a_person_ended_is_red_after_everything_is_done(done: list[str], verdict: str) -> None:
    ledger = FakeLedger()
    with pytest.raises(AirflowFailException, match=r"not opened: .*; a person ended the run"):
        teardown(ledger).execute(context_of() | run_with(verdict))
    release = opened(ledger)
    with pytest.raises(AirflowFailException, match=r"rolled back: .*; a person ended the run"):
        teardown(ledger).execute(context_of() | run_with(verdict))
    assert ledger.release(release.release_id).outcome == "rolled_back"


@pytest.mark.parametrize("verdict", ["running", "failed"])
def test_a_verdict_that_makes_the_run_red_needs_no_second_red_task(done: list[str], verdict: str) -> None:
    ledger = FakeLedger()
    opened(ledger)
    assert teardown(ledger).execute(context_of() | run_with(verdict)) == "rolled back"
