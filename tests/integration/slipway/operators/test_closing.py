"""Who ends a release reads what serves first, and only then says how it ended."""

from __future__ import annotations

from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException
from slipway.analysis.verdict import Verdict
from slipway.exceptions import ReleaseConflict, TrafficDrift
from slipway.hooks.cloud_run.hook import lease_of
from slipway.ledger.entries import (
    DeploymentChecked,
    DriftFound,
    FlagsRolledBack,
    GateDecided,
    ReleaseReconciled,
    ServicesReleased,
    TrafficRestoredAgain,
)
from slipway.operators.closing import ClosePromotedOperator, CloseRolledBackOperator
from slipway.operators.reconcile import ReconcileReleaseOperator

from tests.integration.slipway.operators.steps import Steps
from tests.unit.slipway.on_record import run_with

pytestmark = pytest.mark.sandbox


def at(steps: Steps, phase: str) -> str:
    """Bring a release to a phase; return the name of its service."""
    steps.open()
    steps.deploy()
    steps.shift(phase)
    return steps.product.web.address.service


def by_hand(steps: Steps, percent: int) -> None:
    """Give the release a share, as a stranger does in the console."""
    own = steps.revision.removeprefix(f"{steps.product.web.address.service}-")
    split = {"stable": 100 - percent, own: percent}
    steps.product.web.shift({name: share for name, share in split.items() if share})


def reconcile(steps: Steps, verdict: str | None = None) -> Any:
    steps.product.context |= run_with(verdict)
    return steps.run(ReconcileReleaseOperator(task_id="reconcile", verdict="verdict"))


def test_a_release_that_does_not_serve_alone_is_not_promoted(steps: Steps) -> None:
    service = at(steps, "full")
    by_hand(steps, 60)
    with pytest.raises(TrafficDrift, match=r"60.*, not .* alone, set by .*not promoted"):
        steps.run(ClosePromotedOperator(task_id="close_promoted"))
    release = steps.product.ledger.release(steps.release_id)
    assert release.outcome is None
    assert "60" in steps.entry(DriftFound, phase="close_promoted", service=service).reason
    assert reconcile(steps) == "rolled back"
    assert steps.product.web.split() == {"stable": 100}
    # The release has written configuration: what this way back must not forget either.
    assert steps.entry(FlagsRolledBack, environment="production") is not None


def test_a_promoted_release_is_closed_before_its_checklist_is_gone_through(steps: Steps) -> None:
    service = at(steps, "full")
    close = ClosePromotedOperator(task_id="close_promoted")
    assert steps.run(close) == steps.run(close) == "every phase was promoted"
    assert steps.product.ledger.release(steps.release_id).outcome == "promoted"
    found = {line.title: (line.passed, line.reason) for line in steps.entry(DeploymentChecked).lines}
    assert found["Monitoring alerts configured"][0]
    assert found["All services healthy"] == (True, f"{service} are ready")
    assert found["Full traffic migration successful"][0]
    keys = [entry.key for entry in steps.product.ledger.entries(steps.release_id)]
    assert keys.index("closed") < keys.index("checklist/deployment")
    assert steps.entry(ServicesReleased).services[service].split == {steps.revision: 100}


def test_traffic_given_to_a_release_after_its_rollback_is_taken_back_by_its_end(steps: Steps) -> None:
    service = at(steps, "canary")
    steps.roll_back()
    by_hand(steps, 60)
    steps.run(CloseRolledBackOperator(task_id="close_release"))
    again = steps.entry(TrafficRestoredAgain).changes[service]
    assert again.before[steps.revision] == 60
    assert "overwritten" in str(again.note)
    assert steps.product.web.split() == {"stable": 100}
    assert steps.entry(ServicesReleased).services[service].split == {steps.product.stable: 100}


def test_a_lock_is_not_freed_while_a_rolled_back_release_serves(
    steps: Steps, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stranger's split comes between the last read and the write that frees the lock."""
    at(steps, "canary")
    steps.roll_back()
    web, closing = steps.product.web, CloseRolledBackOperator(task_id="close_release")
    free = web.hook.free_lease

    def free_too_late(*where: Any, **how: Any) -> bool:
        by_hand(steps, 60)
        return free(*where, **how)

    with monkeypatch.context() as patch:
        patch.setattr(web.hook, "free_lease", free_too_late)
        with pytest.raises(ReleaseConflict, match=r"serves .*60.* although release .* is rolled back"):
            steps.run(closing)
    assert lease_of(web.read()) is not None
    assert steps.product.ledger.release(steps.release_id).outcome is None
    steps.run(closing)
    assert (web.split(), lease_of(web.read())) == ({"stable": 100}, None)


def test_the_teardown_takes_back_what_came_after_the_release_was_closed(steps: Steps) -> None:
    at(steps, "canary")
    steps.roll_back()
    steps.close("rolled_back")
    by_hand(steps, 60)
    assert reconcile(steps) == "rolled back"
    assert steps.product.web.split() == {"stable": 100}
    assert steps.product.ledger.get(steps.release_id, ReleaseReconciled) is None
    assert steps.entry(TrafficRestoredAgain).changes


@pytest.mark.parametrize("verdict", ["skipped", "success"])
def test_a_run_ended_by_a_person_is_red_and_says_why(steps: Steps, verdict: str) -> None:
    at(steps, "canary")
    steps.product.ledger.append(
        steps.release_id, GateDecided(phase="canary", verdict=Verdict.ROLLBACK, reason="5 % errors")
    )
    with pytest.raises(AirflowFailException, match=r"canary: 5 % errors; a person ended the run"):
        reconcile(steps, verdict)
    assert steps.product.ledger.release(steps.release_id).outcome == "rolled_back"
    assert steps.product.web.split() == {"stable": 100}
