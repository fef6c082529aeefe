"""Synthetic requests are sent while a phase bakes, and nothing that happens to them ends the bake."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import pytest
from slipway.hooks.synthetic_requests import SyntheticRequestsHook
from slipway.policy.release import load_policy
from slipway.triggers import synthetic_requests as sending
from slipway.triggers.synthetic_requests import synthetic_requests

from bench.analysis.synthetic import with_synthetic

URLS = ["https://candidate---web", "https://web"]


class Log:
    """What is logged."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def info(self, line: str, **_: Any) -> None:
        self.lines.append(line)

    warning = info


def release(*, sends: bool = True) -> Any:
    policy = load_policy("release.yaml")
    return SimpleNamespace(
        release_id="v1-1-0-abcdef", policy=with_synthetic(policy, rate=5) if sends else policy
    )


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> asyncio.Queue[tuple[int, str]]:
    """What was sent: number and URL."""
    requests: asyncio.Queue[tuple[int, str]] = asyncio.Queue()

    async def send(self: Any, number: int, url: str, *, headers: Mapping[str, str]) -> None:
        await requests.put((number, url))

    monkeypatch.setattr(SyntheticRequestsHook, "send", send)
    monkeypatch.setattr(sending, "_targets", lambda *_: (URLS, {}))
    return requests


@pytest.mark.asyncio
async def test_each_request_goes_to_the_new_revision_and_to_the_service_in_turn(
    sent: asyncio.Queue[tuple[int, str]],
) -> None:
    log = Log()
    async with asyncio.timeout(60), synthetic_requests(release(), "canary", "x", log=log):
        found = [await sent.get() for _ in range(4)]
    assert found == [(0, URLS[0]), (0, URLS[1]), (1, URLS[0]), (1, URLS[1])]
    assert log.lines == ["Synthetic requests of the canary bake: 0 sent, 0 not answered"]


@pytest.mark.asyncio
async def test_a_service_that_cannot_be_read_is_asked_again(
    sent: asyncio.Queue[tuple[int, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = iter([OSError("no route"), (URLS, {})])

    def targets(*_: Any) -> Any:
        found = next(answers)
        if isinstance(found, Exception):
            raise found
        return found

    monkeypatch.setattr(sending, "_targets", targets)
    monkeypatch.setattr(sending, "RETRY_SECONDS", 0.0)
    log = Log()
    async with asyncio.timeout(60), synthetic_requests(release(), "canary", "x", log=log):
        await sent.get()
    assert log.lines[0] == "No synthetic requests are sent for now"


@pytest.mark.asyncio
async def test_a_policy_without_them_sends_none(sent: asyncio.Queue[tuple[int, str]]) -> None:
    log = Log()
    async with synthetic_requests(release(sends=False), "canary", "x", log=log):
        await asyncio.sleep(0)
    assert sent.empty()
    assert log.lines == []
