"""A version that was rolled back is released again only by who says so."""

from __future__ import annotations

from typing import Any

import pytest
from slipway.exceptions import RequestRefused
from slipway.ledger.entries import RollbackOrdered
from slipway.release.again import require_acknowledged, rolled_back_before

from tests.fake_ledger import FakeLedger
from tests.unit.slipway.on_record import opened, requested, two_regions


def ended(ledger: FakeLedger, outcome: Any, run_id: str = "before") -> str:
    release = opened(ledger, run_id)
    ledger.close(release.release_id, outcome=outcome, reason="canary: 5 % errors")
    return release.release_id


def test_it_is_refused_with_the_reason_and_the_way_out_until_it_is_acknowledged() -> None:
    ledger, request = FakeLedger(), requested("again")
    require_acknowledged(request.plan, request.policy, ledger)
    before = ended(ledger, "rolled_back")
    with pytest.raises(RequestRefused) as refused:
        require_acknowledged(request.plan, request.policy, ledger)
    for words in (
        "release_again=False: version 1.2.0 was rolled back before",
        f"release {before}, ended at ",
        "canary: 5 % errors",
        '"Release again after a rollback" (release_again)',
    ):
        assert words in str(refused.value)
    again = request.plan.model_copy(update={"release_again": True})
    require_acknowledged(again, request.policy, ledger)
    assert "5 % errors" in (rolled_back_before(again, request.policy, ledger) or "")


def test_a_promotion_since_clears_it_and_a_later_rollback_brings_it_back() -> None:
    ledger, request = FakeLedger(), requested("again")
    ended(ledger, "rolled_back", "first")
    promoted = ended(ledger, "promoted", "second")
    assert rolled_back_before(request.plan, request.policy, ledger) is None
    order = RollbackOrdered(tier="traffic", actor="jo", reason="costs too much", source="command line")
    ledger.append(promoted, order)
    assert "costs too much" in (rolled_back_before(request.plan, request.policy, ledger) or "")


def test_neither_the_release_itself_nor_another_region_counts() -> None:
    ledger = FakeLedger()
    own = opened(ledger, "run")
    ledger.close(own.release_id, outcome="rolled_back", reason="5 % errors")
    assert rolled_back_before(own.plan, own.policy, ledger) is None
    elsewhere = two_regions().in_region("europe-west1")
    assert rolled_back_before(requested("again").plan, elsewhere, ledger) is None
