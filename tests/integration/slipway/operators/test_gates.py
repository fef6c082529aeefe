"""A release's leases are renewed at the end of every phase, and one that is lost ends it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from slipway.analysis.verdict import Verdict
from slipway.hooks.cloud_run.hook import Lease, lease_of
from slipway.ledger.entries import GateDecided
from slipway.ledger.ledger import Release
from slipway.ledger.store import LedgerStore
from slipway.operators.gates import GateOperator

from tests.integration.slipway.hooks.web_service import SECONDS
from tests.integration.slipway.operators.steps import Steps

pytestmark = pytest.mark.sandbox


class Promoting(GateOperator):
    """A gate that has seen enough."""

    def judge(self, release: Release, context: Any) -> GateDecided:
        return self.decided(Verdict.PROMOTE, "all is well")

    @property
    def go(self) -> list[str]:
        return ["canary.shift_traffic"]

    @property
    def start_rollback(self) -> list[str]:
        return ["staging.start_rollback"]

    def do_branch(self, context: Any, branches_to_execute: Any) -> Any:
        return branches_to_execute


def gate(steps: Steps, phase: str) -> Any:
    return steps.run(Promoting(task_id="go_or_rollback", phase=phase))


def test_a_gate_renews_the_leases_and_a_lost_one_is_a_rollback(steps: Steps) -> None:
    web = steps.product.web
    steps.open()
    soon = Lease(steps.release_id, "this run", datetime.now(UTC) + timedelta(minutes=1))
    web.hook.take_lease(web.address, soon, timeout=SECONDS)
    assert gate(steps, "staging") == ["canary.shift_traffic"]
    renewed = lease_of(web.read())
    assert renewed is not None
    assert renewed.until > soon.until + timedelta(hours=1)
    until = steps.entry(GateDecided, phase="staging").leased_until
    assert until is not None
    assert until.replace(microsecond=0) == renewed.until

    with LedgerStore().transaction() as cursor:
        cursor.execute("UPDATE lease SET until = clock_timestamp() WHERE release_id = %s", [steps.release_id])
    steps.product.start_run()
    other = Steps(steps.product)
    web.hook.free_lease(web.address, steps.release_id, timeout=SECONDS)
    other.open()
    steps.product.context["dag_run"].run_id = renewed.run
    assert gate(steps, "canary") == ["staging.start_rollback"]
    lost = steps.entry(GateDecided, phase="canary")
    assert lost.verdict == "rollback"
    assert f"release {other.release_id} " in lost.reason
    assert steps.roll_back()["changed"] is False
