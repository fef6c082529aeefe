"""Releases recorded by an earlier version of Slipway are decided again as they were."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from slipway.analysis.evidence_record import EvidenceRecord
from slipway.analysis.replay import replay
from slipway.policy.formats import parse_recorded_policy
from slipway.policy.release import FORMAT, Policy

DATA = Path(__file__).parents[1] / "ledger" / "data"


def recorded(name: str) -> tuple[Policy, dict[str, Any]]:
    """The policy and the entries, payload by key, of a release on record."""
    export = json.loads((DATA / f"release_format_2_{name}.json").read_text())
    assert export["release"]["policy"]["format"] == 2
    policy = parse_recorded_policy(export["release"]["policy"], source=name)
    return policy, {entry["key"]: entry["payload"] for entry in export["entries"]}


@pytest.mark.parametrize(
    ("name", "phase", "verdict"),
    [
        ("promoted", "canary", "promote"),
        ("promoted", "half", "promote"),
        ("promoted", "full", "promote"),
        ("rolled_back", "canary", "rollback"),
    ],
)
def test_a_recorded_phase_is_decided_again_as_it_was(name: str, phase: str, verdict: str) -> None:
    policy, entries = recorded(name)
    assert policy.format == FORMAT
    baked = entries[f"baked/{phase}"]
    assert baked["verdict"] == verdict
    again = replay(EvidenceRecord.of(entries[f"evidence/{phase}"]), policy)
    assert again.differences(baked) == []
    assert again.is_complete
    assert not again.missing
