"""A verdict can be recomputed from its record, and another policy asked the same question."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from copy import deepcopy
from functools import cache
from typing import Any

import numpy as np
import pytest
from slipway.analysis.bake import BakeAnalysis
from slipway.analysis.counts import Counts
from slipway.analysis.evidence_record import EvidenceRecord
from slipway.analysis.evidence_series import series_of
from slipway.analysis.method import CURRENT, method_of
from slipway.analysis.replay import replay
from slipway.analysis.verdict import Cause, Decision, Finding, Verdict
from slipway.commands.replay import report
from slipway.ledger.chain import Record
from slipway.ledger.entries import EvidenceRecorded, PhaseBaked
from slipway.policy.release import Policy, load_policy
from slipway.triggers.bake import readings

from tests.fake_ledger import record_of

Watched = tuple[EvidenceRecord, Decision]


# Shares, a quantile, a band and a level: the other metrics are judged as these are, and only take longer.
METRICS = ("error_rate", "latency_p95", "websocket_event_latency", "cost_reduction", "memory")


@pytest.fixture(scope="module")
def policy() -> Policy:
    loaded = load_policy("release.yaml")
    return loaded.model_copy(update={"metrics": {key: loaded.metrics[key] for key in METRICS}})


def watch(policy: Policy, *, errors: float, seed: int = 1) -> Watched:
    """Watch a canary as the trigger does, and keep what it saw."""
    phase, rng = policy.phases["canary"], np.random.default_rng(seed)
    analysis = BakeAnalysis(
        policy,
        bake_seconds=phase.bake_seconds,
        extension_seconds=phase.extension_seconds,
        phase="canary",
    )
    record = EvidenceRecord("canary", list(policy.metrics))
    at = 0.0
    while True:
        if round(at) % 600 == 300:
            record.add_unanswered("timed out", at=at)
            at += 15
            continue
        canary = {key: Counts(30) for key in policy.metrics}
        bad = int(rng.binomial(150, errors))
        canary["error_rate"] = Counts(150, bad, bad)
        canary["cost_reduction"] = Counts(1 / 3, 0.8 / 3)
        stable = {key: Counts(270) for key in policy.metrics}
        record.add(canary, stable, at=at)
        analysis.add(canary, stable, at=at)
        decision = analysis.decision(at=at)
        if decision.verdict is not Verdict.HOLD or at > phase.bake_seconds + phase.extension_seconds:
            return record, decision
        at += 15


@pytest.fixture(scope="module")
def watched(policy: Policy) -> Callable[[float], Watched]:
    """Watch each canary once; every test gets a copy."""
    once = cache(lambda errors: watch(policy, errors=errors))
    return lambda errors: deepcopy(once(errors))


@pytest.mark.parametrize(
    ("errors", "verdict"), [(0.0, "promote"), (0.05, "rollback"), (0.005, "hold"), (0.02, "rollback")]
)
def test_the_replay_says_the_same_after_a_trip_through_json(
    policy: Policy, watched: Callable[[float], Watched], errors: float, verdict: str
) -> None:
    record, decision = watched(errors)
    assert decision.verdict == verdict
    again = replay(EvidenceRecord.of(json.loads(json.dumps(record.as_payload()))), policy)
    assert again.differences(decision.as_payload()) == []
    assert again.decision == decision
    assert again.is_complete


def test_a_changed_record_is_told(policy: Policy, watched: Callable[[float], Watched]) -> None:
    record, decision = watched(0.05)
    payload = json.loads(json.dumps(record.as_payload()))
    for row in payload["looks"]:
        if not isinstance(row[1], str):
            row[1][0] = [150]
    differences = replay(EvidenceRecord.of(payload), policy).differences(decision.as_payload())
    assert differences
    assert differences[0] == "verdict: recorded 'rollback', replayed 'hold'"


def test_another_policy_may_say_something_else(policy: Policy, watched: Callable[[float], Watched]) -> None:
    record, decision = watched(0.02)
    rules = policy.decision.model_copy(update={"rollback_null": "strict"})
    strict = replay(record, policy.model_copy(update={"decision": rules}))
    assert decision.verdict is Verdict.ROLLBACK
    assert strict.decision.verdict is Verdict.HOLD
    assert not strict.is_complete


def test_a_metric_that_was_not_recorded_is_no_evidence(
    policy: Policy, watched: Callable[[float], Watched]
) -> None:
    record, _ = watched(0.0)
    keys = [key for key in policy.metrics if key != "latency_p95"]
    less = EvidenceRecord("canary", keys)
    for at, canary, stable in record.checks():
        if not isinstance(canary, str):
            less.add(canary, stable, at=at)
    made = replay(less, policy)
    assert made.missing == ["latency_p95"]
    assert made.decision.verdict is Verdict.HOLD
    assert made.decision.cause is Cause.NO_EVIDENCE


def test_a_record_that_does_not_fit_is_refused(policy: Policy) -> None:
    with pytest.raises(ValueError, match=r"format=2: must be 1"):
        EvidenceRecord.of({"format": 2})
    with pytest.raises(ValueError, match=r"check 0 has 1 metrics: must have 2"):
        EvidenceRecord.of({"format": 1, "phase": "canary", "metrics": ["a", "b"], "looks": [[0, None]]})
    with pytest.raises(ValueError, match="has no checks"):
        replay(EvidenceRecord("canary", ["a"]), policy)


def test_a_watch_that_ends_in_an_outage_of_the_metrics_replays_with_its_reason(policy: Policy) -> None:
    analysis = BakeAnalysis(policy, bake_seconds=3600, extension_seconds=1800, phase="canary")
    record = EvidenceRecord("canary", list(policy.metrics))
    for at in range(0, 916, 15):
        record.add_unanswered("connection refused", at=at)
        decision = analysis.unanswered("connection refused", at=at)
        assert (decision.verdict is Verdict.ROLLBACK) == (at > 900)
    made = replay(EvidenceRecord.of(json.loads(json.dumps(record.as_payload()))), policy)
    assert made.differences(decision.as_payload()) == []
    assert made.decision.cause is Cause.NO_ANSWER


def test_a_phase_is_kept_in_little_space(watched: Callable[[float], Watched]) -> None:
    record, _ = watched(0.005)
    assert len(record.rows) > 300
    assert len(json.dumps(record.as_payload(), separators=(",", ":"))) < 100_000


def test_no_evidence_cannot_be_made_a_promotion() -> None:
    with pytest.raises(ValueError, match="no evidence can only hold or roll back"):
        Finding("errors", Verdict.PROMOTE, "fine", None, 0, Cause.NO_EVIDENCE)


def kept(record: EvidenceRecord, decision: Decision, **changed: Any) -> Record:
    baked = PhaseBaked.by(decision, phase="canary").model_copy(update=changed)
    return record_of(EvidenceRecorded.of(record), baked)


def test_the_report_compares_each_phase_with_the_ledger(
    policy: Policy, watched: Callable[[float], Watched]
) -> None:
    record, decision = watched(0.05)
    ((same, line),) = report(kept(record, decision), policy, None)
    assert same
    assert line.startswith("canary: same: rollback at ")
    ((same, line),) = report(kept(record, decision, verdict=Verdict.PROMOTE), policy, None)
    assert not same
    assert "verdict: recorded 'promote', replayed 'rollback'" in line
    alone = record_of(PhaseBaked(phase="half", verdict=Verdict.PROMOTE, reason="all well"))
    ((same, line),) = report(alone, policy, None)
    assert not same
    assert line == "half: verdict promote on record, but no evidence to replay"
    ((same, line),) = report(kept(record, decision), policy, policy)
    assert same
    assert "with token-optimization rollback" in line


def test_whoever_changes_what_is_decided_raises_the_methods_number(policy: Policy) -> None:
    rules = policy.decision.model_copy(update={"false_rollback_probability": 0.05, "ask_after_seconds": None})
    then = policy.model_copy(update={"decision": rules})
    records = [watch(then, errors=errors, seed=7)[0] for errors in (0.006, 0.012, 0.02, 0.05)]
    expected = {
        3: [("hold", 5415), ("rollback", 105), ("rollback", 75), ("rollback", 30)],
        4: [("hold", 5415), ("rollback", 105), ("rollback", 75), ("rollback", 30)],
        5: [("hold", 5415), ("rollback", 105), ("rollback", 75), ("rollback", 30)],
        6: [("hold", 5415), ("rollback", 105), ("rollback", 75), ("rollback", 30)],
    }
    assert max(expected) == CURRENT.number
    for number, decided in expected.items():
        again = [replay(record, then, method=method_of(number)).decision for record in records]
        assert [(str(decision.verdict), decision.seconds) for decision in again] == decided


def test_a_record_is_decided_again_by_the_method_that_decided_it(policy: Policy) -> None:
    """One error among 530 requests: promoted since method 4, and as it was before on a record of method 3."""
    record = EvidenceRecord("canary", list(policy.metrics))
    for number in range(1, 362):
        canary = {key: Counts(3) for key in policy.metrics}
        canary["error_rate"] = Counts(1.5, number == 200, number == 200)
        canary["cost_reduction"] = Counts(1 / 3, 0.8 / 3)
        record.add(canary, {key: Counts(13.5) for key in policy.metrics}, at=15.0 * number)
    assert replay(record, policy).decision.verdict is Verdict.PROMOTE
    record.method = 3
    made = replay(record, policy)
    assert (made.decision.verdict, made.same_method) == (Verdict.HOLD, True)


def test_the_round_of_a_question_is_decided_again_up_to_its_rollback(policy: Policy) -> None:
    """While a person is asked the metrics stay checked: the record goes on after the decision that asks."""
    analysis = BakeAnalysis(policy, bake_seconds=3600, extension_seconds=1800, phase="canary")
    record, at = EvidenceRecord("canary", list(policy.metrics)), 0.0
    decision = analysis.decision(at=at)
    while decision.verdict is Verdict.HOLD:
        canary = {key: Counts(30) for key in policy.metrics}
        canary["websocket_event_latency"] = Counts(30, 30, 30)
        canary["error_rate"] = Counts(150, 30, 30) if at > 600 else Counts(150)
        stable = {key: Counts(270) for key in policy.metrics}
        record.add(canary, stable, at=at)
        analysis.add(canary, stable, at=at)
        decision = analysis.decision(at=at)
        at += 15
    assert replay(record, policy).differences(decision.as_payload()) == []
    with_another = replay(record, policy, method=CURRENT).decision
    assert with_another.cause is Cause.CANNOT_PROMOTE


def test_a_record_of_a_later_version_is_refused(policy: Policy, watched: Callable[[float], Watched]) -> None:
    record, _ = watched(0.05)
    record.method = CURRENT.number + 1
    with pytest.raises(ValueError, match="this version of Slipway knows up to 6"):
        replay(record, policy)


def test_a_difference_names_the_method_that_decided(
    policy: Policy, watched: Callable[[float], Watched]
) -> None:
    record, decision = watched(0.05)
    record.method = 1
    ((is_well, line),) = report(kept(record, decision, seconds=0), policy, None)
    assert not is_well
    assert "decided by method 1, replayed by method 3" in line


def test_evidence_that_arrived_oddly_replays_with_its_reason(policy: Policy) -> None:
    analysis = BakeAnalysis(policy, bake_seconds=3600, extension_seconds=1800, phase="canary")
    record = EvidenceRecord("canary", list(policy.metrics))
    canary = {key: Counts(30) for key in policy.metrics} | {"error_rate": Counts(odd="it falls")}
    for at in range(0, 5431, 30):
        record.add(canary, {}, at=at)
        analysis.add(canary, {}, at=at)
        decision = analysis.decision(at=at)
        if decision.ends_the_bake:
            break
    assert (decision.verdict, decision.cause) == (Verdict.HOLD, Cause.CANNOT_PROMOTE)
    made = replay(EvidenceRecord.of(json.loads(json.dumps(record.as_payload()))), policy)
    assert made.differences(decision.as_payload()) == []
    assert "Error rate: no evidence: new revision: it falls" in made.decision.reason


def test_what_arrived_without_a_number_or_an_answer_is_on_record(policy: Policy) -> None:
    record = EvidenceRecord("canary", ["memory", "error_rate"])
    canary = {"memory": Counts(1, math.inf, 1), "error_rate": Counts(unanswered="422")}
    record.add(canary, {"memory": Counts(1, 0.5, 0)}, at=15)
    again = EvidenceRecord.of(json.loads(json.dumps(record.as_payload(), allow_nan=False)))
    ((_, seen, stable),) = again.checks()
    assert (seen, stable["memory"]) == (canary, Counts(1, 0.5, 0))


def test_a_level_without_a_limit_is_a_verdict_that_the_ledger_can_keep(policy: Policy) -> None:
    record = EvidenceRecord("canary", list(policy.metrics))
    analysis = BakeAnalysis(policy, bake_seconds=3600, extension_seconds=1800, phase="canary")
    for at in range(0, 300, 15):
        canary = {key: Counts(30) for key in policy.metrics} | {"memory": Counts(1, math.inf, 1)}
        record.add(canary, {}, at=at)
        analysis.add(canary, {}, at=at)
        decision = analysis.decision(at=at)
        if decision.ends_the_bake:
            break
    assert decision.verdict is Verdict.ROLLBACK
    assert decision.reason == "Memory inf % of its limit (at most 90 % allowed): over 98 % 3 checks in a row"
    json.dumps(decision.as_payload(), allow_nan=False)
    assert replay(record, policy).differences(decision.as_payload()) == []


@pytest.mark.parametrize(("errors", "verdict"), [(0.0, "promote"), (0.03, "rollback"), (0.004, "hold")])
def test_sources_that_are_late_by_different_times_replay_the_same(
    policy: Policy, errors: float, verdict: str
) -> None:
    rng, record = np.random.default_rng(5), EvidenceRecord("canary", list(policy.metrics))
    analysis = BakeAnalysis(policy, bake_seconds=3600, extension_seconds=1800, phase="canary")
    for reading in readings(policy.metrics_by_delay, every=15, until=5400):
        canary = {key: Counts(30) for key in policy.metrics} | {"cost_reduction": Counts(1 / 3, 0.8 / 3)}
        bad = int(rng.binomial(150, errors))
        canary["error_rate"] = Counts(150, bad, bad)
        stable = {key: Counts(270) for key in policy.metrics}
        record.add(canary, stable, at=reading.at, read=reading.metrics)
        analysis.add(canary, stable, at=reading.at, read=reading.metrics)
        decision = analysis.decision(at=reading.at)
        if decision.ends_the_bake or analysis.known_until > 5400:
            break
    assert decision.verdict == verdict
    payload = json.loads(json.dumps(record.as_payload()))
    made = replay(EvidenceRecord.of(payload), policy)
    assert made.differences(decision.as_payload()) == []
    assert made.is_complete
    less = policy.model_copy(update={"metrics": {**policy.metrics, "new": policy.metrics["latency_p95"]}})
    assert replay(EvidenceRecord.of(payload), less).missing == ["new"]
    drawn = {series.key: series for series in series_of(record, policy)}
    assert [point.at for point in drawn["error_rate"].canary] == sorted(
        point.at for point in drawn["error_rate"].canary
    )
