"""A phase that does not get the traffic declared for it is held, and says with which numbers."""

from __future__ import annotations

import numpy as np
import pytest
from slipway.analysis.bake import BakeAnalysis
from slipway.analysis.counts import Counts
from slipway.analysis.judges.traffic_share import KEY, SameTime, TrafficShareJudge
from slipway.analysis.verdict import Cause, Decision, Finding, Verdict
from slipway.policy.release import Policy, load_policy

POLL = 15


@pytest.fixture(scope="module")
def policy() -> Policy:
    return load_policy("release.yaml")


def judge(policy: Policy, declared: float = 10) -> TrafficShareJudge:
    return TrafficShareJudge(policy.traffic_share, policy.decision, declared_percent=declared, horizon=5400)


def after(policy: Policy, *parts: tuple[int, int, int]) -> Finding:
    """Judge checks of (how many, requests at the new revision, at stable)."""
    under_test, at = judge(policy), 0
    for checks, canary, stable in parts:
        for _ in range(checks):
            under_test.add(Counts(canary), Counts(stable), at=at)
            at += POLL
    return under_test.finding()


def test_the_declared_share_is_fine_and_said(policy: Policy) -> None:
    finding = after(policy, (20, 15, 135))
    assert (finding.verdict, finding.cause) == (Verdict.PROMOTE, Cause.WITHIN_TARGET)
    assert finding.reason == (
        "Traffic share: 10.0 % of 3000 requests (300 at the new revision, 10 % declared)"
    )


def test_a_revision_without_traffic_is_told_within_minutes(policy: Policy) -> None:
    finding = after(policy, (20, 0, 150))
    assert (finding.verdict, finding.cause) == (Verdict.HOLD, Cause.TOO_LITTLE_TRAFFIC)
    assert finding.reason == (
        "Traffic share too small: 0.0 % of 1500 requests (0 at the new revision, 10 % declared)"
    )


def test_a_share_under_the_tolerance_is_told_and_one_within_it_is_not(policy: Policy) -> None:
    assert after(policy, (100, 30, 470)).cause is Cause.TOO_LITTLE_TRAFFIC
    assert after(policy, (100, 46, 454)).cause is Cause.WITHIN_TARGET


@pytest.mark.parametrize(("declared", "seconds"), [(10, 1200), (50, 600)])
def test_a_revision_that_loses_two_of_five_requests_is_held_and_a_good_one_never(
    policy: Policy, declared: int, seconds: int
) -> None:
    """At 5 requests/s of both revisions; requests that are turned away are in no count."""
    rng, held = np.random.default_rng(14), {0.0: 0, 0.4: 0}
    for lost in held:
        for _ in range(20):
            under_test = judge(policy, declared)
            for at in range(0, seconds, POLL):
                canary, stable = rng.poisson([0.75 * declared * (1 - lost), 0.75 * (100 - declared)])
                under_test.add(Counts(int(canary)), Counts(int(stable)), at=at)
            held[lost] += under_test.finding().verdict is Verdict.HOLD
    assert held == {0.0: 0, 0.4: 20}


def test_a_revision_with_all_the_traffic_is_held_when_others_answer(policy: Policy) -> None:
    for stable, cause in ((5, Cause.WITHIN_TARGET), (30, Cause.TOO_LITTLE_TRAFFIC)):
        under_test = judge(policy, declared=100)
        for at in range(0, 100 * POLL, POLL):
            under_test.add(Counts(100), Counts(stable), at=at)
        assert under_test.finding().cause is cause


def test_traffic_lost_late_is_told_with_the_last_minutes_numbers(policy: Policy) -> None:
    finding = after(policy, (120, 15, 135), (30, 0, 150))
    assert finding.cause is Cause.TOO_LITTLE_TRAFFIC
    assert f"0.0 % of {10 * policy.decision.late_window_seconds:.0f} requests" in finding.reason


def test_two_requests_tell_nothing_and_none_are_no_evidence(policy: Policy) -> None:
    assert after(policy, (1, 0, 2)).verdict is Verdict.PROMOTE
    nothing = after(policy, (10, 0, 0))
    assert (nothing.verdict, nothing.cause) == (Verdict.HOLD, Cause.NO_EVIDENCE)


def test_a_share_at_the_edge_of_the_tolerance_is_rarely_held(policy: Policy) -> None:
    rng, held, runs = np.random.default_rng(3), 0, 200
    loose = policy.model_copy(
        update={"traffic_share": policy.traffic_share.model_copy(update={"false_hold_probability": 0.05})}
    )
    for _ in range(runs):
        under_test = judge(loose)
        for check in range(60):
            canary = int(rng.binomial(100, 0.09 / 0.99))
            under_test.add(Counts(canary), Counts(100 - canary), at=check * POLL)
            if under_test.finding().verdict is Verdict.HOLD:
                held += 1
                break
    # Binomial: 200 runs at 5 % give over 19 in one of ten thousand tries.
    assert held <= 19


def _watch(policy: Policy, canary: float, stable: float) -> Decision:
    analysis = BakeAnalysis(policy, bake_seconds=3600, extension_seconds=1800, phase="canary")
    for at in range(0, 3615, POLL):
        check = {key: Counts(canary) for key in policy.metrics}
        check["cost_reduction"] = Counts(1.0, 0.8)
        analysis.add(check, {key: Counts(stable) for key in policy.metrics}, at=at)
    return analysis.decision(at=3600)


def test_a_phase_with_good_metrics_on_too_little_traffic_is_held(policy: Policy) -> None:
    assert _watch(policy, 15, 135).verdict is Verdict.PROMOTE
    decision = _watch(policy, 15, 1500)
    assert (decision.verdict, decision.cause) == (Verdict.HOLD, Cause.TOO_LITTLE_TRAFFIC)
    assert decision.reason.startswith("Traffic share too small: 1.0 % of ")
    assert [f.metric for f in decision.findings if f.verdict is Verdict.HOLD] == [KEY]


NOTHING = Counts()
ODD = Counts(odd="a counter is below its earlier value")


def test_a_loss_shows_although_a_collector_is_behind_again_and_again(policy: Policy) -> None:
    """One of five requests lost at 50 requests/s; every fourth check one revision's requests come later."""
    rng = np.random.default_rng(1)
    under_test = judge(policy)
    late = {"canary": 0, "stable": 0}
    for number in range(120):
        served = {"canary": int(rng.poisson(60)), "stable": int(rng.poisson(675))}
        for arm in served:
            served[arm], late[arm] = served[arm] + late[arm], 0
        if number % 4 == 3:
            arm = ("canary", "stable")[number % 8 // 4]
            late[arm], served[arm] = served[arm], 0
        under_test.add(Counts(served["canary"]), Counts(served["stable"]), at=number * POLL)
    assert under_test.finding().cause is Cause.TOO_LITTLE_TRAFFIC


def test_requests_of_one_revision_wait_for_those_of_the_other() -> None:
    waiting = SameTime()
    assert waiting.add(Counts(10), Counts(90)) == (10, 90)
    assert waiting.add(NOTHING, Counts(90)) is None
    assert waiting.add(ODD, Counts(90)) is None
    assert waiting.add(Counts(30), Counts(90)) == (30, 270)


def test_a_revision_that_gets_nothing_is_waited_for_once() -> None:
    waiting = SameTime()
    assert [waiting.add(NOTHING, Counts(90)) for _ in range(7)] == [None] * 5 + [(0, 540), (0, 90)]
    assert waiting.add(Counts(10), Counts(90)) == (10, 90)
    assert waiting.add(NOTHING, Counts(90)) is None


def test_nothing_is_told_from_the_time_of_odd_counters() -> None:
    waiting = SameTime()
    assert [waiting.add(Counts(10), ODD) for _ in range(9)] == [None] * 9
    assert waiting.add(Counts(10), Counts(900)) is None, "it may bring the requests of the time before"
    assert waiting.add(Counts(10), Counts(90)) == (10, 90)
