"""Another policy is asked about every bake on record: which verdicts change, when, and why."""

from __future__ import annotations

import argparse

import pytest
from slipway.analysis.bake import BakeAnalysis
from slipway.analysis.counts import Counts
from slipway.analysis.evidence_record import EvidenceRecord
from slipway.analysis.verdict import Verdict
from slipway.commands.replay import add_arguments, compare, run, table
from slipway.ledger.chain import Record
from slipway.ledger.entries import EvidenceRecorded, PhaseBaked
from slipway.policy.metrics import LevelMetric
from slipway.policy.release import Policy, load_policy

from tests.fake_ledger import record_of


@pytest.fixture(scope="module")
def policy() -> Policy:
    return load_policy("release.yaml")


def other(policy: Policy, **rules: object) -> Policy:
    return policy.model_copy(update={"decision": policy.decision.model_copy(update=rules)})


def baked(policy: Policy, bad: float) -> Record:
    """Everything on record of a release whose canary had so many errors among 150 requests a check."""
    analysis = BakeAnalysis(policy, bake_seconds=3600, extension_seconds=1800, phase="canary")
    record, at = EvidenceRecord("canary", list(policy.metrics)), 0.0
    decision = analysis.decision(at=at)
    while not decision.ends_the_bake:
        canary = {key: Counts(30) for key in policy.metrics} | {"error_rate": Counts(150, bad, bad)}
        stable = {key: Counts(1350) for key in policy.metrics}
        record.add(canary, stable, at=at)
        analysis.add(canary, stable, at=at)
        decision = analysis.decision(at=at)
        at += 15
    return record_of(EvidenceRecorded.of(record), PhaseBaked.by(decision, phase="canary"))


def test_a_policy_that_decides_the_same_changes_nothing(policy: Policy) -> None:
    (same,) = compare([("v1", "1.0.0", baked(policy, 9))], policy)
    assert (same.change, same.verdict, same.was) == ("none", "rollback", "rollback")
    (line,) = table([same], "release.yaml")
    assert line.startswith("1 bakes on record by release.yaml: 0 verdicts change, 0 come at another moment")


def test_a_changed_moment_and_an_open_verdict_are_told_with_the_reason(policy: Policy) -> None:
    releases = [("v1", "1.0.0", baked(policy, 3)), ("v2", "1.1.0", baked(policy, 9))]
    slower = other(policy, false_rollback_probability=0.0001)
    later, same = compare(releases, slower)
    assert later.change == "unknown"
    assert same.was == same.verdict == "rollback"
    sooner = other(policy, false_rollback_probability=0.4)
    found = list(compare(releases, sooner))
    assert found[0].change == "moment"
    assert (found[0].seconds or 0) < found[0].was_seconds
    lines = list(table(found, "x.yaml"))
    assert lines[0].startswith("v1                      canary   was rollback at ")
    assert "s, now rollback at " in lines[0]
    assert "Error rate over the trigger" in lines[0]


def test_a_changed_verdict_and_a_missing_metric_are_told(policy: Policy) -> None:
    few = policy.model_copy(
        update={"metrics": {key: m for key, m in policy.metrics.items() if key == "websocket_event_latency"}}
    )
    memory = policy.metrics["memory"]
    assert isinstance(memory, LevelMetric)
    record = EvidenceRecord("canary", ["websocket_event_latency", "memory"])
    for check in range(4):
        record.add({"memory": Counts(1, 0.95, 1)}, {}, at=15.0 * check)
    asked = PhaseBaked(phase="canary", verdict=Verdict.HOLD, reason="asked", seconds=45)
    strict = few.model_copy(
        update={"metrics": {"memory": memory.model_copy(update={"rollback_limit": 0.92}), **few.metrics}}
    )
    held = ("v1", "1.0.0", record_of(EvidenceRecorded.of(record), asked))
    (one,) = compare([held], strict)
    assert (one.was, one.change, one.verdict, one.seconds) == ("hold", "verdict", "rollback", 30)
    record.metrics, record.rows = ["memory"], [[row[0], row[2]] for row in record.rows]
    held = ("v1", "1.0.0", record_of(EvidenceRecorded.of(record), asked))
    (one,) = compare([held], strict)
    assert one.missing == ["websocket_event_latency"]
    assert list(table([one], "x.yaml"))[-1].endswith("hence no evidence: websocket_event_latency")


def test_a_bake_without_evidence_is_unknown(policy: Policy) -> None:
    alone = record_of(PhaseBaked(phase="half", verdict=Verdict.PROMOTE, reason="all well"))
    (one,) = compare([("v1", "1.0.0", alone)], policy)
    assert (one.change, one.verdict, one.reason) == ("unknown", None, "no evidence on record")


@pytest.mark.parametrize(
    ("words", "message"),
    [([], "replay: needs a release, or --all"), (["--all"], "replay --all: needs --policy, and no release")],
)
def test_what_is_asked_for_must_be_complete(words: list[str], message: str) -> None:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    with pytest.raises(ValueError, match=message):
        run(parser.parse_args(words))
