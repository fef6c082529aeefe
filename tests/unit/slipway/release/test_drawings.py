"""The evidence of a bake is drawn once, and a drawing that fails changes nothing for the release."""

from __future__ import annotations

from typing import Any

import pytest
from slipway.analysis.counts import Counts
from slipway.analysis.evidence_record import EvidenceRecord
from slipway.analysis.verdict import Verdict
from slipway.ledger.bakes import Bake
from slipway.ledger.entries import EvidenceRecorded, PhaseBaked
from slipway.ledger.ledger import Release
from slipway.release import evidence_plot
from slipway.release.drawings import keep_drawings

from tests.fake_ledger import FakeLedger
from tests.unit.slipway.on_record import opened

BAKE = Bake("canary")


@pytest.fixture
def ledger() -> FakeLedger:
    """A ledger of one release."""
    return FakeLedger()


@pytest.fixture
def release(ledger: FakeLedger) -> Release:
    """A release whose canary was baked."""
    found = opened(ledger)
    record = EvidenceRecord("canary", list(found.policy.metrics))
    for at in range(3):
        seen = {key: Counts(30) for key in found.policy.metrics}
        record.add(seen, seen, at=at * 15)
    ledger.append(found.release_id, EvidenceRecorded.of(record))
    baked = PhaseBaked(phase="canary", verdict=Verdict.PROMOTE, reason="all well", seconds=30.0)
    ledger.append(found.release_id, baked)
    return found


def test_a_bake_is_drawn_once(ledger: FakeLedger, release: Release, monkeypatch: pytest.MonkeyPatch) -> None:
    keep_drawings(release, ledger)
    svg = ledger.drawn.read(release.release_id, BAKE)
    assert svg is not None
    assert f"Release {release.version}, phase canary: promote after 30 s" in svg

    def again(*_: Any) -> str:
        raise AssertionError("drawn again")

    monkeypatch.setattr(evidence_plot, "draw", again)
    keep_drawings(release, ledger)
    assert ledger.drawn.kept(release.release_id) == {BAKE}


def test_a_drawing_that_fails_is_in_the_log_with_the_command_that_draws_it(
    ledger: FakeLedger, release: Release, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(*_: Any) -> str:
        raise MemoryError("no figure")

    monkeypatch.setattr(evidence_plot, "draw", fails)
    keep_drawings(release, ledger)
    assert ledger.drawn.kept(release.release_id) == set()
    assert "no figure" in caplog.text
    assert "python -m slipway evidence" in caplog.text
