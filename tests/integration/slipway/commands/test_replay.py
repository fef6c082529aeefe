"""The replay as a command, against a real ledger."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from slipway.ledger.entries import EvidenceRecorded, PhaseBaked
from slipway.ledger.ledger import Ledger

from sandbox.supervisor.settings import REPOSITORY
from tests.integration.slipway.releases import failing_bake, open_release

pytestmark = pytest.mark.sandbox


@pytest.fixture
def released(ledger: Ledger) -> str:
    """A release whose canary failed a fifth of its requests, as the bake trigger leaves it."""
    release = open_release(ledger, "1.2.0", run_id="replayed")
    record, decision = failing_bake(release.policy)
    ledger.append(release.release_id, EvidenceRecorded.of(record))
    ledger.append(release.release_id, PhaseBaked.by(decision, phase="canary"))
    return release.release_id


def command(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "slipway", "replay", *arguments],
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
