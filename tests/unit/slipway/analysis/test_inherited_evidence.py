"""A later region goes on only with all of the evidence of the one before it."""

from __future__ import annotations

from dataclasses import dataclass

from slipway.analysis.inherited_evidence import judge_evidence
from slipway.analysis.verdict import Verdict


@dataclass(frozen=True)
class Gate:
    """The decision at the end of a phase."""

    phase: str
    verdict: Verdict = Verdict.PROMOTE
    reason: str = "all well"


GATES = [Gate("staging"), Gate("preparation")]


def test_all_of_it_leads_on_and_names_where_it_is_from() -> None:
    decision = judge_evidence(GATES, missing=[], entries=12, source="v1-1-0-abc")
    assert decision.verdict is Verdict.PROMOTE
    assert decision.reason.startswith("release v1-1-0-abc validated it")
    assert decision.reason.endswith("12 entries inherited")


def test_anything_missing_rolls_back() -> None:
    decision = judge_evidence(GATES, missing=["load_test", "suite/e2e"], entries=10, source="v1-1-0-abc")
    assert decision.verdict is Verdict.ROLLBACK
    assert decision.reason == "not on record of release v1-1-0-abc: load_test, suite/e2e"


def test_a_gate_that_did_not_promote_rolls_back() -> None:
    gates = [Gate("staging", Verdict.ROLLBACK, "suite e2e failed"), Gate("preparation")]
    decision = judge_evidence(gates, missing=[], entries=12, source="v1-1-0-abc")
    assert decision.verdict is Verdict.ROLLBACK
    assert "gate/staging is rollback: suite e2e failed" in decision.reason
