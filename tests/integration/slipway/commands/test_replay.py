"""The replay as a command, against a real ledger."""

from __future__ import annotations

import pytest
from slipway.__main__ import main
from slipway.ledger.entries import EvidenceRecorded, PhaseBaked
from slipway.ledger.ledger import Ledger

from tests.integration.slipway.releases import failing_bake, open_release

pytestmark = pytest.mark.sandbox


@pytest.fixture
def released(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> str:
    """A release whose canary failed a fifth of its requests, as the bake trigger leaves it."""
    monkeypatch.setenv("SLIPWAY_REGISTRY_PORT", "5000")
    release = open_release(ledger, "1.2.0", run_id="replayed")
    record, decision = failing_bake(release.policy)
    ledger.append(release.release_id, EvidenceRecorded.of(record))
    ledger.append(release.release_id, PhaseBaked.by(decision, phase="canary"))
    return release.release_id


def test_the_command_says_same_what_another_policy_would_have_said_and_what_it_cannot_replay(
    released: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["replay", released]) == 0
    assert capsys.readouterr().out.startswith("canary: same: rollback at ")
    assert main(["replay", released, "--policy", "sandbox.yaml"]) == 0
    other = capsys.readouterr().out
    assert other.startswith("canary: was rollback at ")
    assert "; with token-optimization rollback at " in other
    for arguments, words in (
        (["v9-9-9-nobody"], "release v9-9-9-nobody: was never opened"),
        ([released, "--policy", "relaese.yaml"], "policy relaese.yaml: no such file"),
    ):
        assert main(["replay", *arguments]) == 1
        assert words in capsys.readouterr().err
