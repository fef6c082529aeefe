"""What is sent of a journey, and to whom."""

from __future__ import annotations

import functools
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from slipway.hooks.synthetic_requests import SyntheticRequestsHook
from slipway.policy.synthetic import SyntheticRequests

JOURNEY = [{"path": "/v1/costs"}, {"method": "POST", "path": "/v1/quote", "body": {"tokens": 3}}]


@pytest.fixture
def arrived(monkeypatch: pytest.MonkeyPatch) -> list[httpx.Request]:
    """The requests that the service got; it refuses connections to the URL of one revision."""
    requests: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        if request.url.host == "gone":
            raise httpx.ConnectError("refused", request=request)
        return httpx.Response(500, headers={"set-cookie": "GAESA=revision-1; Path=/"})

    client = functools.partial(httpx.AsyncClient, transport=httpx.MockTransport(answer))
    monkeypatch.setattr(httpx, "AsyncClient", client)
    return requests


def rules(**more: Any) -> SyntheticRequests:
    return SyntheticRequests.model_validate(
        {"journey": JOURNEY, "requests_per_second": 1, "metrics": {"a": "b"}, **more}
    )


@pytest.mark.asyncio
async def test_requests_are_marked_in_turn_and_without_cookies(arrived: list[httpx.Request]) -> None:
    async with SyntheticRequestsHook(rules()) as hook:
        for number in range(3):
            await hook.send(number, "http://web", headers={"x-caller": "me"})
    assert [(r.method, r.url.path, r.content) for r in arrived] == [
        ("GET", "/v1/costs", b""),
        ("POST", "/v1/quote", b'{"tokens":3}'),
        ("GET", "/v1/costs", b""),
    ]
    assert all(r.headers["x-synthetic-request"] == "true" and r.headers["x-caller"] == "me" for r in arrived)
    assert not any("cookie" in r.headers or "authorization" in r.headers for r in arrived)
    assert (hook.sent, hook.unanswered) == (3, 0)


@pytest.mark.asyncio
async def test_the_connections_password_is_sent_and_what_is_not_answered_is_counted(
    arrived: list[httpx.Request], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def connection(name: str) -> Any:
        return SimpleNamespace(password=f"password of {name}")

    monkeypatch.setattr(SyntheticRequestsHook, "aget_connection", staticmethod(connection))
    async with SyntheticRequestsHook(rules(connection="journey")) as hook:
        await hook.send(0, "http://gone", headers={})
    assert arrived[0].headers["authorization"] == "Bearer password of journey"
    assert (hook.sent, hook.unanswered) == (1, 1)
