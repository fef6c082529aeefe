"""A run ends with a closed release, released services, and one red or green line."""

from __future__ import annotations

from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException
from slipway.analysis.verdict import Verdict
from slipway.ledger.entries import GateDecided, ReleaseReconciled, ServiceReleased, ServicesReleased
from slipway.operators import closing
from slipway.operators.closing import CloseReleaseOperator, ReconcileReleaseOperator, VerdictOperator

from tests.fake_ledger import FakeLedger
from tests.unit.slipway.on_record import context_of, opened, using

WORSE = GateDecided(phase="canary", verdict=Verdict.ROLLBACK, reason="5 % errors")


@pytest.fixture
def done(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is done to the services."""
    steps: list[str] = []

    def restore(*_: Any) -> dict[str, Any]:
        steps.append("traffic restored")
        return {}

    def leave(*_: Any) -> dict[str, Any]:
        steps.append("services released")
        return {"netra-backend-prod": ServiceReleased(tags={})}

    monkeypatch.setattr(closing, "restore_stable_traffic", restore)
    monkeypatch.setattr(closing, "leave_services", leave)
    return steps


@pytest.mark.parametrize(
    ("outcome", "reason"), [("promoted", "every phase was promoted"), ("rolled_back", "canary: 5 % errors")]
)
def test_a_release_is_closed_with_its_reason_before_its_services_are_released(
    done: list[str], outcome: Any, reason: str
) -> None:
    ledger = FakeLedger()
    release = opened(ledger)
    ledger.append(release.release_id, WORSE)
    close = using(CloseReleaseOperator(task_id="close_release", outcome=outcome), ledger)
    assert close.execute(context_of()) == close.execute(context_of()) == reason
    closed = ledger.release(release.release_id)
    assert (closed.outcome, closed.reason) == (outcome, reason)
    assert [entry.key for entry in ledger.entries(release.release_id)] == [
        "opened",
        "gate/canary",
        "closed",
        "left/production",
    ]


def test_an_open_release_is_rolled_back_by_the_reconciliation_and_a_closed_one_is_left_alone(
    done: list[str],
) -> None:
    ledger = FakeLedger()
    release = opened(ledger)
    reconcile = using(ReconcileReleaseOperator(task_id="reconcile"), ledger)
    assert reconcile.execute(context_of()) == "rolled back"
    assert done == ["traffic restored", "services released"]
    assert ledger.get(release.release_id, ReleaseReconciled) is not None
    assert reconcile.execute(context_of()) == "rolled back"
    assert done == ["traffic restored", "services released"]


def test_a_promoted_release_whose_services_were_not_released_keeps_its_traffic(done: list[str]) -> None:
    ledger = FakeLedger()
    release = opened(ledger)
    ledger.close(release.release_id, outcome="promoted", reason="every phase was promoted")
    assert using(ReconcileReleaseOperator(task_id="reconcile"), ledger).execute(context_of()) == "promoted"
    assert done == ["services released"]
    assert ledger.get(release.release_id, ServicesReleased) is not None


def test_a_run_without_a_release_needs_no_reconciliation_and_is_red(done: list[str]) -> None:
    ledger = FakeLedger()
    reconcile = using(ReconcileReleaseOperator(task_id="reconcile"), ledger)
    assert reconcile.execute(context_of()) == "never opened"
    assert done == []
    with pytest.raises(AirflowFailException, match=r"release refused: .*; see the preflight tasks"):
        using(VerdictOperator(task_id="verdict"), ledger).execute(context_of())


def test_the_verdict_is_green_for_a_promoted_release_alone() -> None:
    ledger = FakeLedger()
    verdict = using(VerdictOperator(task_id="verdict"), ledger)
    release = opened(ledger)
    with pytest.raises(AirflowFailException, match=r"release 1\.2\.0: open"):
        verdict.execute(context_of())
    ledger.append(release.release_id, WORSE)
    with pytest.raises(AirflowFailException, match="canary: 5 % errors"):
        verdict.execute(context_of())
    ledger.close(release.release_id, outcome="promoted", reason="every phase was promoted")
    assert verdict.execute(context_of()) == "release 1.2.0: promoted: every phase was promoted"
