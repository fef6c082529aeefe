"""What a release did, told from its entries."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from slipway.ledger.entries import GateDecided
from slipway.ledger.ledger import Release
from slipway.ledger.timeline import ending, phases, summary_line, traffic
from slipway.policy.release import load_policy
from slipway.release.request import plan_release

from tests.fake_ledger import BEGAN, record_of_payloads

BACKEND, STABLE = "netra-backend-prod", "netra-backend-prod-00001-abc"


@pytest.fixture
def release() -> Release:
    policy = load_policy("release.yaml")
    plan = plan_release(
        {"version": "1.2.0"},
        run_id="one",
        known_fields=("version",),
        policy=policy,
        resolve_digest=lambda image: f"{image.rpartition(':')[0]}@sha256:{'0' * 64}",
    )
    stable = {BACKEND: {STABLE: 100}}
    return Release(
        plan.release_id, "1.2.0", "one", "ada", plan, policy, stable, None, None, BEGAN, closed_at=None
    )


entries = record_of_payloads


def finding(reason: str, verdict: str = "promote") -> dict[str, Any]:
    return {"metric": reason, "reason": reason, "verdict": verdict, "observed": 1.0, "events": 10}


def test_a_promotion_has_all_of_its_findings_and_anything_else_its_reason() -> None:
    findings = [finding("a"), finding("b")]
    made = {"phase": "half", "reason": "why", "findings": findings}
    assert GateDecided.model_validate({**made, "verdict": "promote"}).evidence == ["a", "b"]
    assert GateDecided.model_validate({**made, "verdict": "promote", "findings": []}).evidence == ["why"]
    assert GateDecided.model_validate({**made, "verdict": "hold"}).evidence == ["why"]


def test_the_phases_are_the_gates_and_what_kept_one_from_starting() -> None:
    bad = {"verdict": "rollback", "reason": "b", "findings": [finding("a"), finding("b", "rollback")]}
    said = phases(
        entries(
            ("gate/staging", {"phase": "staging", "verdict": "promote", "reason": "a", "findings": []}),
            ("evidence/canary", {"phase": "canary", "metrics": [], "looks": []}),
            ("baked/canary", bad),
            ("gate/canary", {"phase": "canary", **bad}),
            ("warmed/half/backend", {"service": BACKEND, "verdict": "promote", "reason": "4 tests passed"}),
            ("forecast/half", {"action": "hold", "reason": "too little traffic", "seconds": 40.0}),
            ("warmed/full/auth", {"service": "auth", "verdict": "rollback", "reason": "a test failed"}),
        )
    )
    assert [(one.phase, one.verdict, list(one.lines), list(one.others)) for one in said] == [
        ("staging", "promote", ["a"], []),
        ("canary", "rollback", ["b"], ["a"]),
        ("half", "hold", ["not started, it cannot see the trigger: too little traffic"], []),
        ("full", "rollback", ["a test failed"], []),
    ]


def test_a_verdict_that_no_gate_has_followed_is_told() -> None:
    frozen = {"verdict": "hold", "reason": "stable is over the trigger", "findings": []}
    (said,) = phases(entries(("baked/half/2", frozen)))
    assert (said.phase, said.verdict, list(said.lines)) == ("half", "hold", ["stable is over the trigger"])


def test_evidence_of_another_region_says_whose_it_is() -> None:
    origin = {"release": "v1-1-0-abcdef", "sequence": 3, "hash": "0"}
    gate = {"phase": "staging", "verdict": "promote", "reason": "a", "findings": [], "taken_over": origin}
    (said,) = phases(entries(("gate/staging", gate)))
    assert said.inherited_from == "v1-1-0-abcdef"


def test_the_traffic_has_each_split_once_and_when_it_was_in_force(release: Release) -> None:
    new = release.plan.services["backend"].revisions["production"]
    shifted, braked = BEGAN + timedelta(seconds=60.5), BEGAN + timedelta(seconds=70)
    ten = {BACKEND: {"before": {STABLE: 100}, "after": {new: 10, STABLE: 90}, "percent": 10}}
    back = {"before": {new: 10, STABLE: 90}, "after": {STABLE: 100, new: 0}, "changed": True}
    same = {"before": {STABLE: 100}, "after": {STABLE: 100}, "changed": False}
    brake = {"changes": {BACKEND: back}, "at": braked.isoformat()}
    steps = traffic(
        release,
        entries(
            ("configured/production", {"versions": {}}),
            ("shifted/canary", {"changes": ten, "at": shifted.isoformat()}),
            ("baked/canary", {"verdict": "rollback", "reason": "b", "brake": brake}),
            ("rolled_back/traffic", {"reason": "b", "changes": {BACKEND: same}}),
        ),
    )[BACKEND]
    assert [(step.at, dict(step.split), step.new_percent) for step in steps] == [
        (BEGAN, {STABLE: 100}, 0),
        (shifted, {new: 10, STABLE: 90}, 10),
        (braked, {STABLE: 100}, 0),
    ]
    assert [step.why for step in steps][1] == "phase canary"


def test_a_split_that_was_left_alone_is_told_with_its_reason(release: Release) -> None:
    left = {"before": {"x": 100}, "after": {"x": 100}, "changed": False, "note": "left alone: set by bob"}
    written = entries(("rolled_back/reconciled", {"reason": "b", "changes": {BACKEND: left}}))
    last = traffic(release, written)[BACKEND][-1]
    assert (dict(last.split), last.why) == ({"x": 100}, "rollback; left alone: set by bob")


def test_a_brake_that_failed_moved_nothing(release: Release) -> None:
    braked = entries(("baked/canary", {"verdict": "rollback", "reason": "b", "brake": {"error": "no"}}))
    assert len(traffic(release, braked)[BACKEND]) == 1


def test_a_release_that_is_called_off_says_why_before_it_has_ended(release: Release) -> None:
    gate = {"phase": "canary", "verdict": "rollback", "reason": "5 % errors"}
    called_off = entries(("opened", {"actor": "ada"}), ("gate/canary", gate))
    assert ending(release, called_off) == "canary: 5 % errors"
    assert summary_line(release, called_off) == "release 1.2.0: open: canary: 5 % errors"


def test_a_persons_order_counts_before_what_follows_it(release: Release) -> None:
    order = {"tier": "traffic", "actor": "jo", "reason": "wrong prices", "source": "DAG rollback"}
    lost = {"phase": "canary", "verdict": "rollback", "reason": "its lock is lost", "findings": []}
    record = entries(("rollback_ordered/traffic", order), ("gate/canary", lost))
    assert [(decision.phase, decision.verdict, decision.lines) for decision in phases(record)] == [
        ("rollback", "rollback", ["ordered by jo: wrong prices"]),
        ("canary", "rollback", ["its lock is lost"]),
    ]
    assert ending(release, record) == "ordered by jo: wrong prices"
