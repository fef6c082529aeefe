"""The drawings of the page: made once, one at a time, and by a process that gets no secret."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

import pytest
from slipway.hooks.command.command import CommandHook
from slipway.ledger.entries import EvidenceRecorded, PhaseBaked
from slipway.ledger.ledger import Ledger

from tests.integration.slipway.releases import failing_watch, open_release, roll_back_from_canary
from tests.integration.slipway.ui.pages import text_of

if TYPE_CHECKING:
    from starlette.testclient import TestClient

pytestmark = pytest.mark.sandbox


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, str]]:
    """The environments of the commands that were run, as they were run."""
    run = CommandHook.run_command
    seen: list[dict[str, str]] = []

    def watched(hook: CommandHook, *arguments: Any, **keywords: Any) -> tuple[int, str]:
        done: tuple[int, str] = run(hook, *arguments, **keywords)
        assert hook._process is not None
        seen.append(keywords["environment"])
        return done

    monkeypatch.setattr(CommandHook, "run_command", watched)
    return seen


def test_who_looks_again_or_at_the_same_time_gets_the_same_drawing(
    reader: TestClient, ledger: Ledger, commands: list[dict[str, str]]
) -> None:
    release = open_release(ledger, "1.2.0", run_id="drawn once")
    roll_back_from_canary(ledger, release)
    path = f"/slipway/releases/{release.release_id}/evidence/canary/1.svg"
    with ThreadPoolExecutor(4) as pool:
        drawings = [answer.text for answer in pool.map(lambda _: reader.get(path), range(4))]
    assert len(set(drawings)) == 1
    ElementTree.fromstring(drawings[0])
    assert not re.search(r"<script|\son\w+=", drawings[0])
    (environment,) = commands
    assert set(environment) == {"PYTHONPATH", "SLIPWAY_INCLUDE"}


def test_a_drawing_may_style_itself_and_nothing_else(reader: TestClient, ledger: Ledger) -> None:
    release = open_release(ledger, "1.2.0")
    roll_back_from_canary(ledger, release)
    answer = reader.get(f"/slipway/releases/{release.release_id}/evidence/canary/1.svg")
    policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; style-src 'unsafe-inline'")
    assert "sandbox" in policy
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


class OfTomorrow(EvidenceRecorded):
    """Evidence as a later version writes it."""

    FORMAT = 99


def test_evidence_of_another_version_is_not_drawn_and_says_why(reader: TestClient, ledger: Ledger) -> None:
    release = open_release(ledger, "1.2.0")
    record, decision = failing_watch(release.policy)
    ledger.append(release.release_id, OfTomorrow.of(record))
    ledger.append(release.release_id, PhaseBaked.by(decision, phase="canary"))
    page = reader.get(f"/slipway/releases/{release.release_id}")
    assert page.status_code == 200
    answer = reader.get(f"/slipway/releases/{release.release_id}/evidence/canary/1.svg")
    assert answer.status_code == 500
    assert "format=99: must be 1" in text_of(answer.text)
