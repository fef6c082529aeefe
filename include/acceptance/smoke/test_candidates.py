"""Whether new revisions work at all, asked at the URLs of their tags before traffic moves to them.

How often they fail is for the evidence of real traffic to say: a check that only now and then fails passes at
one of its attempts. Nothing is written for a user: no prompt is optimized, so no cost is accounted.
"""

from __future__ import annotations

import json
import os
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
import tenacity
import websocket

from include.acceptance.platform import TIMEOUT_SECONDS, Caller, base_url, service

SERVICES = ("backend", "auth", "frontend")
AT_ONCE = 8
REQUESTS = 24
TOO_LITTLE = json.dumps({"type": "optimize"})

#: A failed assertion is tried again too.
at_least_once = tenacity.retry(
    stop=tenacity.stop_after_attempt(3),
    wait=tenacity.wait_fixed(0.2),
    retry=tenacity.retry_if_exception_type(
        (AssertionError, httpx.HTTPError, OSError, websocket.WebSocketException)
    ),
    reraise=True,
)


@pytest.mark.parametrize("name", SERVICES)
def test_every_instance_asked_is_healthy_and_of_the_new_revision(name: str) -> None:
    with service(name) as client, ThreadPoolExecutor(AT_ONCE) as pool:
        answers = list(pool.map(lambda _: client.get("/healthz"), range(REQUESTS)))
    seen = {(answer.status_code, answer.headers.get("x-slipway-revision")) for answer in answers}
    expected = os.environ.get(f"{name.upper()}_REVISION")
    assert {status for status, _ in seen} == {200}
    assert len(seen) == 1
    assert expected is None or seen == {(200, expected)}


def test_a_user_is_answered(caller: Caller) -> None:
    @at_least_once
    def ask() -> None:
        assert caller.costs()["requests"] == 0

    ask()


def test_a_stranger_is_not(backend: httpx.Client) -> None:
    @at_least_once
    def ask() -> None:
        assert backend.get("/v1/costs").status_code == 401

    ask()


def test_the_dashboard_is_shown(frontend: httpx.Client, caller: Caller) -> None:
    @at_least_once
    def ask() -> None:
        assert frontend.get("/dashboard", headers=caller.headers).status_code == 200

    ask()


def test_a_websocket_opens_and_answers(caller: Caller) -> None:
    @at_least_once
    def ask() -> None:
        url = f"{base_url('backend').replace('http', 'ws', 1)}/v1/events?token={caller.token}"
        socket = websocket.create_connection(url, timeout=TIMEOUT_SECONDS)
        try:
            socket.send(TOO_LITTLE)
            answer = json.loads(socket.recv())
        finally:
            socket.close(timeout=1)
        assert (answer["type"], answer["status"]) == ("error", 422)

    ask()
