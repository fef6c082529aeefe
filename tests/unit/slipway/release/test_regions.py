"""A later region gets what the region before it proved, and only while that one serves it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from slipway.analysis.verdict import Verdict
from slipway.exceptions import RequestRefused
from slipway.ledger.entries import GateDecided, SuiteRun, TrafficShifted
from slipway.release.regions import (
    conf_of_region,
    followed,
    inherit_evidence,
    plan_following,
    requested_region,
    requested_regions,
)

from tests.fake_ledger import FakeLedger
from tests.unit.slipway.on_record import FIRST, LATER, VERSION, opened, two_regions

POLICY = two_regions()
REQUEST = {"version": VERSION, "policy": "release.yaml", "region": LATER}
FIELDS = (*REQUEST, "follows", "images", "services", "canary_percent", "stable_is_broken", "reason")


@pytest.mark.parametrize(
    ("asked", "regions"),
    [({}, [FIRST, LATER]), ({"region": FIRST}, [FIRST, LATER]), ({"region": LATER}, [LATER])],
)
def test_a_version_goes_through_the_regions_in_the_policys_order(
    asked: dict[str, Any], regions: list[str]
) -> None:
    assert list(requested_regions(asked, POLICY)) == regions
    assert requested_region(asked, POLICY) == regions[0]


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"region": "moon"}, f"region='moon': must be one of {FIRST}, {LATER}"),
        ({"follows": "v1"}, f"follows='v1': {FIRST} is the first region"),
    ],
)
def test_a_region_that_cannot_be_meant_is_refused(asked: dict[str, Any], words: str) -> None:
    with pytest.raises(RequestRefused, match=words):
        requested_region(asked, POLICY)


def test_the_first_run_gets_the_whole_request_and_a_later_one_follows() -> None:
    ledger = FakeLedger()
    asked = {"version": VERSION, "policy": "release.yaml", "services": ["backend"], "reason": "a fix"}
    assert conf_of_region(asked, FIRST, None) == {**asked, "region": FIRST}
    first = opened(ledger, policy=POLICY)
    assert conf_of_region(asked, LATER, first) == {
        "version": VERSION,
        "policy": "release.yaml",
        "reason": "a fix",
        "region": LATER,
        "follows": first.release_id,
    }


def test_the_newest_promotion_in_the_region_before_is_followed() -> None:
    ledger, later = FakeLedger(), POLICY.in_region(LATER)
    with pytest.raises(RequestRefused, match=f"version {VERSION} was not promoted in {FIRST}"):
        followed(REQUEST, later, ledger)
    first = opened(ledger, policy=POLICY)
    with pytest.raises(RequestRefused, match="is still open, not promoted"):
        followed(REQUEST | {"follows": first.release_id}, later, ledger)
    ledger.close(first.release_id, outcome="promoted", reason="every phase was promoted")
    assert followed(REQUEST, later, ledger).release_id == first.release_id
    assert followed(REQUEST | {"follows": first.release_id}, later, ledger).release_id == first.release_id
    with pytest.raises(RequestRefused, match=r"follows='none': .*was never opened"):
        followed(REQUEST | {"follows": "none"}, later, ledger)
    with pytest.raises(RequestRefused, match="is the first of"):
        followed(REQUEST, POLICY, ledger)


def test_a_later_region_gets_the_images_and_the_policy_of_the_region_before() -> None:
    first = opened(FakeLedger(), policy=POLICY)
    plan, policy = plan_following(REQUEST, first, region=LATER, run_id="later", known_fields=FIELDS)
    assert (plan.follows, policy.region) == (first.release_id, LATER)
    for key, service in plan.services.items():
        assert service.image == first.plan.services[key].image
        assert service.revisions["staging"] == first.plan.services[key].revisions["staging"]
        assert service.revisions["production"].endswith(plan.release_id)
    for field, value in (("images", {"backend": "x:1"}), ("services", ["backend"])):
        with pytest.raises(RequestRefused, match=f"leave {field} out"):
            plan_following(REQUEST | {field: value}, first, region=LATER, run_id="later", known_fields=FIELDS)


def test_a_later_region_inherits_that_the_version_goes_again_and_not_what_was_left_out() -> None:
    first = opened(FakeLedger(), policy=POLICY)
    plan = first.plan.model_copy(update={"release_again": True, "leave_out_newest": True})
    later, _ = plan_following(
        REQUEST, replace(first, plan=plan), region=LATER, run_id="later", known_fields=FIELDS
    )
    assert (later.release_again, later.leave_out_newest) == (True, False)


def test_what_is_inherited_says_where_it_comes_from_and_leaves_the_regions_own_out() -> None:
    ledger = FakeLedger()
    first = opened(ledger, policy=POLICY)
    ledger.append(first.release_id, SuiteRun(suite="e2e", tests=3, passed=3))
    for phase in ("staging", "canary"):
        gate = GateDecided(phase=phase, verdict=Verdict.PROMOTE, reason="all well")
        ledger.append(first.release_id, gate)
    later = opened(ledger, "later", POLICY.in_region(LATER), follows=first.release_id)
    decision = inherit_evidence(later, ledger)
    assert decision.verdict is Verdict.ROLLBACK
    assert f"not on record of release {first.release_id}: " in decision.reason
    suite = ledger.get(later.release_id, SuiteRun, suite="e2e")
    assert suite is not None
    assert suite.inherited_from is not None
    origin = next(entry for entry in ledger.entries(first.release_id) if entry.key == "suite/e2e")
    assert suite.inherited_from.model_dump() == {
        "release": first.release_id,
        "sequence": origin.sequence,
        "hash": origin.hash,
    }
    assert ledger.get(later.release_id, GateDecided, phase="canary") is None
    assert ledger.get(later.release_id, TrafficShifted, phase="canary") is None
