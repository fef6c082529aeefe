"""What leads to promote, hold and rollback; above all, that no evidence never promotes."""

from __future__ import annotations

import math

import pytest
from slipway.analysis.bake import BakeAnalysis
from slipway.analysis.counts import Counts, Increments
from slipway.analysis.verdict import Cause, Decision, Verdict, combine
from slipway.policy.release import Policy, load_policy

from bench.analysis.synthetic import TWINS, with_synthetic

BAKE = 40.0
RATE = 20


@pytest.fixture(scope="module")
def policy() -> Policy:
    loaded = load_policy("release.yaml")
    # A check a second, and an hour in a minute: bursts are shortened with them.
    rules = loaded.decision.model_copy(update={"burst_seconds": 6})
    return loaded.model_copy(update={"decision": rules})


def check(policy: Policy, **changed: Counts) -> dict[str, Counts]:
    """Return a second of healthy traffic, with some metrics changed."""
    healthy = {key: Counts(RATE) for key in policy.metrics}
    healthy["cost_reduction"] = Counts(total=1.0, over_target=0.8)
    healthy["session_isolation"] = Counts(total=1)
    return healthy | changed


def bake(
    policy: Policy, canary: dict[str, Counts], stable: dict[str, Counts] | None = None, *, seconds: int = 60
) -> Decision:
    analysis = BakeAnalysis(policy, bake_seconds=BAKE, extension_seconds=20)
    for at in range(seconds):
        analysis.add(canary, stable if stable is not None else check(policy), at=at)
        decision = analysis.decision(at=at)
        if decision.verdict is not Verdict.HOLD:
            return decision
    return decision


def test_healthy_traffic_is_promoted_when_the_bake_is_over_and_not_before(policy: Policy) -> None:
    decision = bake(policy, check(policy))
    assert (decision.verdict, decision.seconds) == (Verdict.PROMOTE, BAKE)
    assert bake(policy, check(policy), seconds=int(BAKE)).reason == "baking"


def test_no_evidence_is_never_a_promotion(policy: Policy) -> None:
    nothing = bake(policy, {})
    assert nothing.verdict is Verdict.HOLD
    assert "no evidence" in nothing.reason
    assert combine([], seconds=0).verdict is Verdict.HOLD
    for key, metric in policy.metrics.items():
        decision = bake(policy, check(policy, **{key: Counts()}))
        if getattr(metric, "on_no_data", "hold") == "report":
            assert decision.verdict is Verdict.PROMOTE, key
            assert [f.reason for f in decision.findings if f.advisory], key
            continue
        assert decision.verdict is Verdict.HOLD, key
        assert decision.cause is Cause.NO_EVIDENCE
        assert "no evidence" in decision.reason


def test_an_alert_that_only_holds_never_rolls_back(policy: Policy) -> None:
    slow = bake(policy, check(policy, websocket_event_latency=Counts(RATE, 10, 10)))
    assert (slow.verdict, slow.cause) == (Verdict.HOLD, Cause.OVER_TRIGGER)
    assert "warning alert: holds the release" in slow.reason
    failing = bake(policy, check(policy, optimization_failure_alert=Counts(RATE, 4, 4)))
    assert failing.verdict is Verdict.HOLD
    assert "critical alert: holds the release" in failing.reason


def test_a_frozen_phase_needs_a_person(policy: Policy) -> None:
    short = policy.model_copy(
        update={"decision": policy.decision.model_copy(update={"quarantine_seconds": 10})}
    )
    broken = check(policy, error_rate=Counts(RATE, 1, 1))
    decision = bake(short, broken, broken)
    assert (decision.verdict, decision.cause) == (Verdict.HOLD, Cause.FROZEN)
    assert decision.needs_a_person
    assert decision.as_payload()["needs_a_person"] is True


def test_a_revision_that_fell_silent_is_not_promoted(policy: Policy) -> None:
    quick = policy.model_copy(
        update={"decision": policy.decision.model_copy(update={"max_event_gap_seconds": 5})}
    )
    analysis = BakeAnalysis(quick, bake_seconds=BAKE, extension_seconds=20)
    for at in range(35):
        analysis.add(check(policy), {}, at=at)
    for at in range(35, 41):
        analysis.add({}, {}, at=at)
    decision = analysis.decision(at=41)
    assert decision.verdict is Verdict.HOLD
    assert "no event of the new revision for 7 s" in decision.reason


def outage(policy: Policy, seconds: float, **rules: str) -> Decision:
    """Return the decision after a minute of healthy traffic and then no answer for some seconds."""
    metrics = {
        key: metric.model_copy(
            update={"on_source_outage": rules.get(key, rules.get("all", metric.on_source_outage))}
        )
        for key, metric in policy.metrics.items()
    }
    changed = policy.model_copy(update={"metrics": metrics})
    analysis = BakeAnalysis(changed, bake_seconds=3600, extension_seconds=1800)
    for at in range(60):
        analysis.add(check(policy), check(policy), at=at)
    return analysis.unanswered("timed out", at=59 + seconds)


def test_an_outage_of_the_metrics_is_waited_out_and_then_follows_the_policy(policy: Policy) -> None:
    short, long = outage(policy, 900), outage(policy, 901)
    assert (short.verdict, short.reason) == (Verdict.HOLD, "no evidence: timed out")
    assert (long.verdict, long.cause) == (Verdict.ROLLBACK, Cause.NO_ANSWER)
    assert long.reason.startswith(
        "metrics source down for 901 s (at most 900 s allowed), rollback because of error_rate, "
    )
    assert long.reason.endswith(": timed out")
    assert {f.metric for f in long.findings if f.advisory} == {"websocket_event_latency", "memory"}


@pytest.mark.parametrize("rule", ["hold", "report"])
def test_an_outage_of_the_metrics_never_promotes(policy: Policy, rule: str) -> None:
    assert outage(policy, 4000, all=rule).verdict is Verdict.HOLD
    assert outage(policy, 4000, all=rule, latency_p95="rollback").verdict is Verdict.ROLLBACK


def test_less_than_the_minimum_of_evidence_is_not_promoted_however_good(policy: Policy) -> None:
    events = int(BAKE + 1) * RATE
    for key, metric in policy.metrics.items():
        if metric.kind not in ("share", "quantile") or metric.may_be_missing:
            continue
        strict = {**policy.metrics, key: metric.model_copy(update={"minimum_evidence": events + 1})}
        decision = bake(policy.model_copy(update={"metrics": strict}), check(policy), seconds=int(BAKE) + 1)
        assert (decision.verdict, decision.cause) == (Verdict.HOLD, Cause.NOT_ENOUGH_EVIDENCE), key
        enough = {**policy.metrics, key: metric.model_copy(update={"minimum_evidence": events})}
        assert bake(policy.model_copy(update={"metrics": enough}), check(policy)).verdict is Verdict.PROMOTE


def test_a_success_rate_is_stated_as_the_strategy_states_it(policy: Policy) -> None:
    failing = bake(policy, check(policy, websocket_connection=Counts(RATE, 3, 3)))
    assert failing.verdict is Verdict.ROLLBACK
    words = "WebSocket connection success under the trigger: 85.00 % of "
    assert failing.reason.startswith(words)
    assert failing.reason.endswith(" handshakes (target 99 %, rollback under 95 %)")


def test_errors_over_the_trigger_roll_back_early(policy: Policy) -> None:
    decision = bake(policy, check(policy, error_rate=Counts(RATE, 1, 1)))
    assert decision.verdict is Verdict.ROLLBACK
    assert decision.seconds < BAKE / 2
    assert decision.reason.startswith("Error rate over the trigger: 5.00 %")


def test_an_outage_of_both_revisions_is_not_blamed_on_the_canary(policy: Policy) -> None:
    broken = check(policy, error_rate=Counts(RATE, 1, 1))
    assert bake(policy, broken, broken).verdict is Verdict.HOLD


def test_slow_requests_hold_over_the_target_and_roll_back_over_the_trigger(policy: Policy) -> None:
    slow = bake(policy, check(policy, latency_p95=Counts(RATE, 4, 0)))
    assert (slow.verdict, "Latency P95" in slow.reason) == (Verdict.HOLD, True)
    assert bake(policy, check(policy, latency_p95=Counts(RATE, 4, 4))).verdict is Verdict.ROLLBACK


@pytest.mark.parametrize("saved", [0.05, 0.40])
def test_a_cost_reduction_outside_the_band_holds(policy: Policy, saved: float) -> None:
    decision = bake(policy, check(policy, cost_reduction=Counts(1.0, 1.0 - saved)))
    assert decision.verdict is Verdict.HOLD
    assert f"Cost reduction {100 * saved:.1f} %" in decision.reason


def test_one_isolation_breach_rolls_back_at_once(policy: Policy) -> None:
    decision = bake(policy, check(policy, session_isolation=Counts(1, 0, 1)))
    assert (decision.verdict, decision.seconds) == (Verdict.ROLLBACK, 0)


def test_contradicting_counts_are_left_out(policy: Policy) -> None:
    assert bake(policy, check(policy, error_rate=Counts(1, 5, 5))).verdict is Verdict.HOLD


def test_increments_survive_restarts_and_new_instances() -> None:
    increments = Increments()
    assert increments.since({"a": 10}) == 10
    assert increments.since({"a": 12, "b": 3}) == 5
    assert increments.since({"b": 3}) == 0
    assert increments.since({"a": 1, "b": 4}) == 2


def odd_bake(policy: Policy, key: str, arm: int) -> Decision:
    """An hour in which one metric of one revision is no evidence in the second half."""
    analysis = BakeAnalysis(policy, bake_seconds=3600, extension_seconds=0, phase="canary")
    for at in range(0, 3601, 60):
        arms = [check(policy), check(policy)]
        if at > 1800:
            arms[arm][key] = Counts(odd="counter a falls again and again")
        analysis.add(*arms, at=at)
    return analysis.decision(at=3600)


def test_evidence_that_arrives_oddly_holds_and_is_named(policy: Policy) -> None:
    decision = odd_bake(policy, "latency_p95", 0)
    assert (decision.verdict, decision.cause) == (Verdict.HOLD, Cause.NO_EVIDENCE)
    assert decision.reason == "Latency P95: no evidence: new revision: counter a falls again and again"
    assert "stable revision: counter a" in odd_bake(policy, "latency_p95", 1).reason


def test_odd_evidence_of_what_only_warns_or_is_not_compared_holds_nothing(policy: Policy) -> None:
    decision = odd_bake(policy, "websocket_event_latency", 0)
    assert decision.verdict is Verdict.PROMOTE
    (finding,) = [found for found in decision.findings if found.metric == "websocket_event_latency"]
    assert finding.advisory
    assert "falls again and again" in finding.reason
    assert odd_bake(policy, "cost_accuracy", 1).verdict is Verdict.PROMOTE


def unanswered_bake(policy: Policy, key: str, *, since: float, until: float = 3600) -> Decision:
    """An hour in which one metric gets no answer for a while."""
    analysis = BakeAnalysis(policy, bake_seconds=3600, extension_seconds=0, phase="canary")
    for at in range(0, 3601, 60):
        canary = check(policy)
        if since <= at <= until:
            canary[key] = Counts(unanswered="422: duplicate series")
        analysis.add(canary, check(policy), at=at)
        decision = analysis.decision(at=at)
        if decision.ends_the_bake:
            break
    return decision


def test_a_metric_without_an_answer_holds_for_an_outage_and_then_does_what_it_says(policy: Policy) -> None:
    short = unanswered_bake(policy, "error_rate", since=3000)
    assert (short.verdict, short.cause) == (Verdict.HOLD, Cause.NO_ANSWER)
    assert short.reason == "Error rate: no evidence: 422: duplicate series"
    long = unanswered_bake(policy, "error_rate", since=1200)
    assert (long.verdict, long.cause, long.seconds) == (Verdict.ROLLBACK, Cause.NO_ANSWER, 2100)
    assert long.reason == ("Error rate: no answer for 960 s (at most 900 s allowed): 422: duplicate series")
    held = unanswered_bake(policy, "cost_reduction", since=1200)
    assert (held.verdict, held.cause, held.seconds) == (Verdict.HOLD, Cause.NO_ANSWER, 3600)
    assert unanswered_bake(policy, "error_rate", since=1200, until=1800).verdict is Verdict.PROMOTE


def test_a_metric_that_only_warns_may_stay_without_an_answer(policy: Policy) -> None:
    decision = unanswered_bake(policy, "memory", since=0)
    assert (decision.verdict, decision.seconds) == (Verdict.PROMOTE, 3600)
    (finding,) = [found for found in decision.findings if found.metric == "memory"]
    assert (finding.cause, finding.advisory) == (Cause.NO_ANSWER, True)
    assert "422: duplicate series" in finding.reason


def test_what_is_proven_bad_rolls_back_whatever_gets_no_answer(policy: Policy) -> None:
    analysis = BakeAnalysis(policy, bake_seconds=3600, extension_seconds=0, phase="canary")
    for at in range(0, 300, 15):
        canary = check(policy, error_rate=Counts(100, 10, 10), latency_p95=Counts(unanswered="503"))
        analysis.add(canary, check(policy), at=at)
    assert analysis.decision(at=285).verdict is Verdict.ROLLBACK


def test_a_metric_of_a_soon_source_rolls_back_before_a_late_one_is_known(policy: Policy) -> None:
    analysis = BakeAnalysis(policy, bake_seconds=3600, extension_seconds=0, phase="canary")
    soon = [key for key in policy.metrics if key != "error_rate"]
    canary = check(policy, latency_p95=Counts(100, 30, 30))
    for at in range(0, 90, 15):
        analysis.add(canary, check(policy), at=at, read=soon)
        decision = analysis.decision(at=at)
    assert (decision.verdict, decision.findings[0].cause) == (Verdict.ROLLBACK, Cause.NO_EVIDENCE)
    assert decision.reason.startswith("Latency P95 over the trigger")


def test_a_promotion_waits_for_the_latest_source(policy: Policy) -> None:
    analysis = BakeAnalysis(policy, bake_seconds=600, extension_seconds=0, phase="canary")
    soon, late = [key for key in policy.metrics if key != "error_rate"], ["error_rate"]
    verdicts = {}
    for at in range(0, 841, 15):
        analysis.add(check(policy), check(policy), at=at, read=soon)
        assert analysis.decision(at=at).verdict is Verdict.HOLD or at - 180 >= 600
        if at >= 180:
            analysis.add(check(policy), check(policy), at=at - 180, read=late)
            verdicts[at - 180] = analysis.decision(at=at - 180).verdict
            assert analysis.known_until == at - 180
    assert verdicts[585] is Verdict.HOLD
    assert verdicts[600] is Verdict.PROMOTE


def asked(policy: Policy, canary: dict[str, Counts], *, seconds: int = 60, after: float = 5) -> Decision:
    """Return the decision that ends a bake which asks after some seconds, or the last one."""
    rules = policy.decision.model_copy(update={"ask_after_seconds": after})
    analysis = BakeAnalysis(
        policy.model_copy(update={"decision": rules}), bake_seconds=BAKE, extension_seconds=20
    )
    for at in range(seconds):
        analysis.add(canary, check(policy), at=at)
        decision = analysis.decision(at=at)
        if decision.ends_the_bake:
            return decision
    return decision


def test_a_phase_that_can_no_longer_be_promoted_asks_a_person(policy: Policy) -> None:
    slow = asked(policy, check(policy, websocket_event_latency=Counts(RATE, RATE, RATE)))
    assert (slow.verdict, slow.cause) == (Verdict.HOLD, Cause.CANNOT_PROMOTE)
    assert slow.needs_a_person
    assert slow.seconds < 20
    assert slow.reason.startswith(
        "needs a decision, because the phase can no longer end in a promotion: WebSocket event latency P95"
    )
    full = check(policy, memory=Counts(1, 0.95, 1))
    assert asked(policy, full).cause is Cause.CANNOT_PROMOTE
    patient = policy.decision.model_copy(update={"ask_after_seconds": None})
    waits = bake(policy.model_copy(update={"decision": patient}), full)
    assert (waits.verdict, waits.cause) == (Verdict.HOLD, Cause.OVER_TARGET)


def test_a_phase_ends_early_where_the_policy_has_it_so_and_the_evidence_is_enough(policy: Policy) -> None:
    canary = policy.phases["canary"].model_copy(update={"bake_seconds": BAKE, "early_promotion_seconds": 12})
    early = policy.model_copy(update={"phases": {**policy.phases, "canary": canary}})

    def promoted_at(errors: Counts) -> float:
        analysis = BakeAnalysis(early, bake_seconds=BAKE, extension_seconds=20, phase="canary")
        stable = check(policy, error_rate=Counts(9 * errors.total))
        for at in range(60):
            analysis.add(check(policy, error_rate=errors), stable, at=at)
            if analysis.decision(at=at).verdict is Verdict.PROMOTE:
                return at
        return math.inf

    assert 12 <= promoted_at(Counts(50)) < BAKE
    # 390 requests without an error prove it.
    assert BAKE < promoted_at(Counts(8)) < 50
    assert policy.phases["canary"].early_promotion_seconds is None


def test_a_metric_on_its_way_to_a_rollback_asks_nobody(policy: Policy) -> None:
    worse = asked(policy, check(policy, error_rate=Counts(RATE, 0.25, 0.25)))
    assert (worse.cause, worse.needs_a_person) == (Cause.OVER_TARGET, False)


def test_an_extension_that_cannot_help_asks_at_its_beginning(policy: Policy) -> None:
    few = asked(policy, check(policy, error_rate=Counts(1)))
    assert (few.cause, few.seconds) == (Cause.CANNOT_PROMOTE, BAKE + 5)
    assert "Error rate not yet enough evidence" in few.reason
    enough = asked(policy, check(policy, error_rate=Counts(8)))
    assert (enough.verdict, enough.seconds > BAKE) == (Verdict.PROMOTE, True)


def test_memory_at_its_limit_rolls_back(policy: Policy) -> None:
    full = asked(policy, check(policy, memory=Counts(1, 0.99, 1)))
    assert (full.verdict, full.seconds) == (Verdict.ROLLBACK, 2)
    assert full.reason.startswith("Memory 99 % of its limit")


def test_a_version_that_loses_events_is_rolled_back(policy: Policy) -> None:
    lost = bake(policy, check(policy, websocket_event_delivery=Counts(RATE, 6, 6)))
    assert lost.verdict is Verdict.ROLLBACK
    assert lost.reason.startswith("WebSocket event delivery under the trigger: 70.00 % of ")


def test_synthetic_requests_promote_nothing_without_users() -> None:
    policy = with_synthetic(load_policy("release.yaml"), rate=1)
    keys = (*TWINS, *TWINS.values())
    policy = policy.model_copy(update={"metrics": {key: policy.metrics[key] for key in keys}})
    for of_users, of_synthetic, verdict in ((400, 3600, "promote"), (100, 3600, "hold"), (400, 0, "hold")):
        analysis = BakeAnalysis(policy, bake_seconds=60, extension_seconds=60)
        counts = {real: Counts(of_users) for real in TWINS} | {
            twin: Counts(of_synthetic) for twin in TWINS.values()
        }
        analysis.add(counts, {}, at=60)
        assert analysis.decision(at=60).verdict == verdict
