"""The drawings on the page: as they were made with the release, and a sentence where none is kept."""

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
from tests.integration.slipway.ui.pages import text_of

if TYPE_CHECKING:
    from starlette.testclient import TestClient

pytestmark = pytest.mark.sandbox

MISSING = "No drawing of this bake is kept."


def test_the_page_shows_what_was_drawn_and_it_may_style_itself_and_nothing_else(
    reader: TestClient, ledger: Ledger
) -> None:
    release = open_release(ledger, "1.2.0")
    roll_back_from_canary(ledger, release)
    keep_drawings(release, ledger)
    page = reader.get(f"/slipway/releases/{release.release_id}").text
    assert len(re.findall("<img ", page)) == 1
    assert MISSING not in text_of(page)
    answer = reader.get(f"/slipway/releases/{release.release_id}/evidence/canary/1.svg")
    ElementTree.fromstring(answer.text)
    assert not re.search(r"<script|\son\w+=", answer.text)
    policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; style-src 'unsafe-inline'")
    assert "sandbox" in policy
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


class OfTomorrow(EvidenceRecorded):
    """Evidence as a later version writes it."""

    FORMAT = 99


def test_where_no_drawing_is_kept_the_page_says_how_to_draw_one(
    reader: TestClient, ledger: Ledger, caplog: pytest.LogCaptureFixture
) -> None:
    release = open_release(ledger, "1.2.0")
    record, decision = failing_bake(release.policy)
    ledger.append(release.release_id, OfTomorrow.of(record))
    ledger.append(release.release_id, PhaseBaked.by(decision, phase="canary"))
    keep_drawings(release, ledger)
    assert "evidence/canary: format=99: this version of Slipway reads" in caplog.text
    page = reader.get(f"/slipway/releases/{release.release_id}")
    assert page.status_code == 200
    said = text_of(page.text)
    assert MISSING in said
    assert f"python -m slipway evidence {release.release_id}" in said
    assert "<img" not in page.text
    svg = f"/slipway/releases/{release.release_id}/evidence/canary/1.svg"
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
