"""A change by a stranger is seen at the next check of the bake, and settled as a person says."""

from __future__ import annotations

import asyncio
import logging

import pytest
from slipway.analysis.verdict import Cause, Decision, Verdict
from slipway.exceptions import TrafficDrift
from slipway.hooks.cloud_run.hook import Lease
from slipway.ledger.bakes import Bake
from slipway.ledger.ledger import LEDGER_CONNECTION, Release
from slipway.operators.gates import GateOperator
from slipway.release.foreign_change import Action, serves_new_revision, settle_change
from slipway.release.leases import hold_services
from slipway.triggers.foreign_changes import ForeignChanges

from tests.integration.slipway.operators.steps import Steps

pytestmark = pytest.mark.sandbox

BAKING = Decision(Verdict.HOLD, "baking", (), 3.0, Cause.BAKING)


class Baking:
    """A release whose canary bakes."""

    def __init__(self, steps: Steps) -> None:
        self.steps = steps
        steps.open()
        steps.deploy()
        steps.shift()
        self.changes = ForeignChanges(
            self.release, LEDGER_CONNECTION, "google_cloud_default", log=logging.getLogger("bake")
        )

    @property
    def release(self) -> Release:
        return self.steps.product.ledger.release(self.steps.release_id)

    def check(self) -> Decision:
        return asyncio.run(self.changes.weigh(BAKING))

    def lease(self) -> Lease:
        return GateOperator(task_id="gate", phase="canary").lease(self.release)

    def by_hand(self, percent: int) -> None:
        own = self.steps.revision.removeprefix(f"{self.steps.product.web.address.service}-")
        split = {"stable": 100 - percent, own: percent}
        self.steps.product.web.shift({name: share for name, share in split.items() if share})

    def settle(self, action: Action) -> None:
        ledger = self.steps.product.ledger
        settled = settle_change(
            self.release,
            ledger.entries(self.steps.release_id),
            Bake("canary"),
            self.steps.product.web.hook,
            action=action,
            lease=self.lease(),
        )
        ledger.append(self.steps.release_id, settled)


@pytest.fixture
def baking(steps: Steps) -> Baking:
    return Baking(steps)


@pytest.mark.parametrize(("action", "percent"), [("restore", 10), ("adopt", 60)])
def test_another_split_holds_the_bake_until_it_is_settled(
    baking: Baking, action: Action, percent: int
) -> None:
    assert baking.check() == BAKING
    baking.by_hand(60)
    held = baking.check()
    assert (held.verdict, held.cause, held.needs_a_person) == (Verdict.HOLD, Cause.CHANGED, True)
    assert "changed by " in held.reason
    assert "60" in held.reason
    # The lock's renewal must not cover up the author before anybody has looked.
    ledger, web = baking.steps.product.ledger, baking.steps.product.web
    etag = web.read().etag
    with pytest.raises(TrafficDrift, match="60"):
        hold_services(baking.release, ledger, web.hook, baking.lease())
    assert web.read().etag == etag
    baking.settle(action)
    assert web.split()["stable"] == 100 - percent
    assert baking.check() == BAKING
    hold_services(baking.release, ledger, web.hook, baking.lease())


def test_a_pin_to_stable_is_named_and_can_only_be_restored(baking: Baking) -> None:
    hook = baking.steps.product.web.hook
    assert serves_new_revision(baking.release, hook)
    baking.by_hand(0)
    assert "changed by " in baking.check().reason
    assert not serves_new_revision(baking.release, hook)


def test_a_revision_that_somebody_deploys_is_seen_although_it_serves_nobody(baking: Baking) -> None:
    baking.steps.product.web.deploy("strangers")
    assert "-strangers" in baking.check().reason
    baking.settle("adopt")
    assert baking.check() == BAKING


def test_a_rollback_that_runs_is_no_change_by_somebody_else(baking: Baking) -> None:
    baking.steps.roll_back()
    ended = baking.check()
    assert (ended.verdict, ended.reason) == (Verdict.ROLLBACK, "the release is being rolled back")


def test_a_cloud_that_gives_no_answer_holds_nothing(
    baking: Baking, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("slipway.triggers.foreign_changes._READ_SECONDS", 0.0)
    assert baking.check() == BAKING
    assert "the next check tries again" in caplog.text
