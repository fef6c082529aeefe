"""The plot of a phase is one self-contained picture with every metric on it."""

from __future__ import annotations

import re
from xml.etree import ElementTree

from slipway.analysis.counts import Counts
from slipway.analysis.evidence_record import EvidenceRecord
from slipway.analysis.verdict import Verdict
from slipway.ledger.entries import Judged
from slipway.policy.release import load_policy
from slipway.release.evidence_plot import draw


def test_every_metric_has_a_panel_and_nothing_is_loaded_from_elsewhere() -> None:
    policy = load_policy("release.yaml")
    record = EvidenceRecord("canary", list(policy.metrics))
    for look in range(20):
        canary = {key: Counts(30, 1, 1) for key in policy.metrics}
        record.add(canary, {key: Counts(270) for key in policy.metrics}, at=look * 15)
    decision = Judged(verdict=Verdict.ROLLBACK, seconds=285.0, reason="Error rate over the trigger")
    text = draw("Release 1.2.0, phase canary", record, policy, decision)
    words = " ".join(element.text or "" for element in ElementTree.fromstring(text).iter())
    assert "Release 1.2.0, phase canary: rollback after 285 s" in words
    assert "Error rate over the trigger" in words
    for metric in policy.metrics.values():
        assert metric.title in words
    for part in ("target", "trigger", "decision", "stable", "new revision, 95 % interval"):
        assert part in words
    addresses = set(re.findall(r'(?:href|src)="([^"]*)"', text))
    assert not {address for address in addresses if not address.startswith("#")}


def test_a_phase_without_evidence_says_so() -> None:
    policy = load_policy("release.yaml")
    record = EvidenceRecord("canary", list(policy.metrics))
    record.add_unanswered("connection refused", at=0.0)
    text = draw("x", record, policy, Judged(verdict=Verdict.HOLD, seconds=0.0, reason="no evidence"))
    assert (
        text.count("no evidence of the new revision") == len(policy.metrics) + 1
    )  # latency has a panel for each limit
