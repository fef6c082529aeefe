"""An end that nobody announced is announced once, when its own task cannot do so any more."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from slipway.ledger.entries import TeamNotified, TeamNotReached
from slipway.operators.watchdog import CheckReleasesOperator

from tests.fake_ledger import FakeLedger
from tests.unit.slipway.on_record import context_of, opened, using

LATELY, BEFORE, LONG_AGO = timedelta(minutes=5), timedelta(minutes=15), timedelta(days=2)


class Ended:
    """A release that was rolled back, of whose end the team has heard nothing."""

    def __init__(self, ago: timedelta, monkeypatch: pytest.MonkeyPatch) -> None:
        self.ledger, self.messages = FakeLedger(), list[str]()
        self.release_id = opened(self.ledger).release_id
        self.ledger.close(self.release_id, outcome="rolled_back", reason="a test")
        found = self.ledger.opened[self.release_id]
        self.ledger.opened[self.release_id] = replace(found, closed_at=datetime.now(UTC) - ago)
        self.context: Any = context_of() | {"ti": None}
        monkeypatch.setattr("slipway.notifiers.team.notify_team", self._take)

    def _take(self, _: Any, __: Any, event: str, subject: str, ___: str) -> None:
        self.messages.append(event)

    def announce(self) -> list[str]:
        """Look after the release's message, as the watchdog does every minute."""
        task = using(CheckReleasesOperator(task_id="check_releases"), self.ledger)
        return task.announce(self.context, self.ledger.release(self.release_id))


def test_it_is_announced_once(monkeypatch: pytest.MonkeyPatch) -> None:
    ended = Ended(BEFORE, monkeypatch)
    assert ended.announce() == [f"release {ended.release_id}: its end was not announced"]
    assert ended.announce() == []
    assert ended.messages == ["outcome"]
    assert ended.ledger.anchored == [ended.release_id]


@pytest.mark.parametrize("ago", [LATELY, LONG_AGO])
def test_its_own_task_may_be_about_to_and_what_is_old_is_no_news(
    ago: timedelta, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = Ended(ago, monkeypatch)
    assert ended.announce() == []
    assert ended.messages == []


@pytest.mark.parametrize("reached", [True, False])
def test_what_was_tried_is_left_to_who_sends_it_again(reached: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    ended = Ended(BEFORE, monkeypatch)
    said: Any = {"event": "outcome", "subject": "rolled back", "connection": "slipway_team"}
    tried = TeamNotified(**said) if reached else TeamNotReached(**said, message="m", reason="refused")
    ended.ledger.append(ended.release_id, tried)
    assert ended.announce() == []
    assert ended.messages == []
