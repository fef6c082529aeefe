"""The drawings of the evidence: as they were made with the release."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from xml.etree import ElementTree

import psycopg
import pytest
from slipway.ledger.bakes import Bake
from slipway.ledger.entries import EvidenceRecorded, PhaseBaked
from slipway.ledger.ledger import Ledger
from slipway.release.drawings import keep_drawings

from tests.integration.slipway.releases import failing_bake, open_release, roll_back_from_canary

if TYPE_CHECKING:
    from starlette.testclient import TestClient

pytestmark = pytest.mark.sandbox


def test_what_was_drawn_may_style_itself_and_nothing_else(reader: TestClient, ledger: Ledger) -> None:
    release = open_release(ledger, "1.2.0")
    roll_back_from_canary(ledger, release)
    keep_drawings(release, ledger)
    (bake,) = reader.get(f"/slipway/api/releases/{release.release_id}/evidence").json()["bakes"]
    answer = reader.get(bake["drawing_url"])
    ElementTree.fromstring(answer.text)
    assert not re.search(r"<script|\son\w+=", answer.text)
    policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; style-src 'unsafe-inline'")
    assert "sandbox" in policy
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


class OfTomorrow(EvidenceRecorded):
    """Evidence as a later version writes it."""

    FORMAT = 99


def test_evidence_of_a_later_version_is_not_drawn(
    reader: TestClient, ledger: Ledger, caplog: pytest.LogCaptureFixture
) -> None:
    release = open_release(ledger, "1.2.0")
    record, decision = failing_bake(release.policy)
    ledger.append(release.release_id, OfTomorrow.of(record))
    ledger.append(release.release_id, PhaseBaked.by(decision, phase="canary"))
    keep_drawings(release, ledger)
    assert "evidence/canary: format=99: this version of Slipway reads" in caplog.text
    svg = f"/slipway/api/releases/{release.release_id}/evidence/canary/1.svg"
    assert reader.get(svg).status_code == 404


def test_a_drawing_is_kept_once_and_within_its_bound(ledger: Ledger) -> None:
    release = open_release(ledger, "1.2.0")
    bake, other = Bake("canary"), Bake("canary", 2)
    ledger.drawings.keep(release.release_id, bake, "<svg/>")
    ledger.drawings.keep(release.release_id, bake, "<svg>another</svg>")
    assert ledger.drawings.read(release.release_id, bake) == "<svg/>"
    with pytest.raises(psycopg.errors.CheckViolation):
        ledger.drawings.keep(release.release_id, other, "x" * (4 * 2**20 + 1))
    assert ledger.drawings.kept(release.release_id) == {bake}
