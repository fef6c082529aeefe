"""The live split: asked of Cloud Run once for all viewers, and nobody waits long for it."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from slipway.exceptions import CloudRunError
from slipway.hooks.cloud_run import hook as cloud_run
from slipway.hooks.cloud_run.address import ServiceAddress
from slipway.ui.api import live
from slipway.ui.api.live import LiveSplits

BACKEND = ServiceAddress("project", "us-central1", "backend")


class Google:
    """Cloud Run, which answers when it is let."""

    def __init__(self) -> None:
        self.asked = 0
        self.may_answer = threading.Event()
        self.error: Exception | None = None

    def __call__(self, **_: Any) -> Google:
        return self

    def get_service(self, _address: ServiceAddress) -> dict[str, int]:
        self.asked += 1
        assert self.may_answer.wait(60)
        if self.error is not None:
            raise self.error
        return {"old": 90, "new": 10}


@pytest.fixture
def google(monkeypatch: pytest.MonkeyPatch) -> Google:
    made = Google()
    monkeypatch.setattr(cloud_run, "CloudRunTrafficHook", made)
    monkeypatch.setattr(cloud_run, "serving_split", lambda service: service)
    return made


def test_one_reading_is_for_all_viewers(google: Google) -> None:
    google.may_answer.set()
    splits = LiveSplits()
    found = [splits.of(BACKEND) for _ in range(5)]
    assert [one.split for one in found] == [{"old": 90, "new": 10}] * 5
    assert google.asked == 1


def test_while_google_is_slow_the_last_answer_is_shown(
    google: Google, monkeypatch: pytest.MonkeyPatch
) -> None:
    google.may_answer.set()
    splits = LiveSplits()
    first = splits.of(BACKEND)
    google.may_answer.clear()
    monkeypatch.setattr(live, "FRESH_SECONDS", -1)
    assert splits.of(BACKEND) is first
    assert splits.of(BACKEND) is first
    google.may_answer.set()


def test_the_first_answer_is_awaited_for_seconds_only(
    google: Google, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "WAIT_SECONDS", 0.01)
    found = LiveSplits().of(BACKEND)
    google.may_answer.set()
    assert found.split is None
    assert found.trouble == "Cloud Run has not answered for 0.01 s"


def test_an_error_of_google_is_said(google: Google) -> None:
    google.may_answer.set()
    google.error = CloudRunError("denied")
    found = LiveSplits().of(BACKEND)
    assert (found.split, found.trouble) == (None, "Cloud Run cannot be read; the API server's log says why")
