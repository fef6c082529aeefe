"""The replay as a command, against a real ledger."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from slipway.analysis.bake import BakeAnalysis
from slipway.analysis.evidence import Counts
from slipway.analysis.record import EvidenceRecord
from slipway.analysis.verdict import Verdict
from slipway.ledger import Ledger
from slipway.plan import plan_release
from slipway.policy import Policy, load_policy

from sandbox.settings import REPOSITORY

pytestmark = pytest.mark.sandbox


@pytest.fixture
def released(ledger: Ledger) -> str:
    """A release whose canary failed a fifth of its requests, as the bake trigger leaves it."""
    policy = load_policy("release.yaml")
    plan = plan_release(
        {"version": "1.2.0"},
        run_id="replayed",
        known_fields=("version",),
        policy=policy,
        resolve_digest=lambda image: f"{image.rpartition(':')[0]}@sha256:{'0' * 64}",
    )
    ledger.open_release(plan, policy, {"netra-backend-prod": {"r-1": 100}}, actor="ada")
    record, decision = _watch(policy)
    ledger.append(plan.release_id, "evidence/canary", record)
    ledger.append(plan.release_id, "baked/canary", decision)
    return plan.release_id


def _watch(policy: Policy) -> tuple[dict[str, object], dict[str, object]]:
    analysis = BakeAnalysis(policy, bake_seconds=3600, extension_seconds=1800, phase="canary")
    record, at = EvidenceRecord("canary", list(policy.metrics)), 0
    while True:
        canary = {key: Counts(30) for key in policy.metrics} | {"error_rate": Counts(30, 6, 6)}
        stable = {key: Counts(270) for key in policy.metrics}
        record.add(canary, stable, at=at)
        analysis.add(canary, stable, at=at)
        decision = analysis.decision(at=at)
        if decision.verdict is Verdict.ROLLBACK:
            return record.as_payload(), decision.as_payload()
        at += 15


def command(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "slipway.replay", *arguments],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY / "plugins"), "SLIPWAY_REGISTRY_PORT": "5000"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_command_says_same_and_what_another_policy_would_have_said(released: str) -> None:
    same = command(released)
    assert same.returncode == 0, same.stderr
    assert same.stdout.startswith("canary: same: rollback at ")
    other = command(released, "--policy", "sandbox.yaml")
    assert other.returncode == 0, other.stderr
    assert other.stdout.startswith("canary: was rollback at ")
    assert "; with token-optimization rollback at " in other.stdout


def test_what_cannot_be_replayed_is_told_in_one_line(released: str) -> None:
    for arguments, words in (
        (["v9-9-9-nobody"], "release v9-9-9-nobody: was never opened"),
        ([released, "--policy", "relaese.yaml"], "policy relaese.yaml: no such file"),
    ):
        refused = command(*arguments)
        assert refused.returncode == 1
        assert words in refused.stderr
        assert "Traceback" not in refused.stderr
