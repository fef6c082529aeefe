"""How a smoke test asks: more than once where it may now and then fail, every instance where it may not.

Smoke tests say whether a new revision works at all, at the URL of its tag, before traffic moves to it. How
often it fails is for the evidence of real traffic to say: a check that only now and then fails passes at one
of its attempts. Nothing is written for a user: no prompt is optimized, so no cost is accounted.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

import httpx
import tenacity
import websocket

from include.acceptance.platform import service

AT_ONCE = 8
REQUESTS = 24

#: A failed assertion is tried again too.
at_least_once = tenacity.retry(
    stop=tenacity.stop_after_attempt(3),
    wait=tenacity.wait_fixed(0.2),
    retry=tenacity.retry_if_exception_type(
        (AssertionError, httpx.HTTPError, OSError, websocket.WebSocketException)
    ),
    reraise=True,
)


def assert_healthy_and_new(name: str) -> None:
    """See that whoever answers for a service is healthy and of its new revision."""
    with service(name) as client, ThreadPoolExecutor(AT_ONCE) as pool:
        answers = list(pool.map(lambda _: client.get("/health"), range(REQUESTS)))
    seen = {(answer.status_code, answer.headers.get("x-slipway-revision")) for answer in answers}
    expected = os.environ.get(f"{name.upper()}_REVISION")
    assert {status for status, _ in seen} == {200}
    assert len(seen) == 1
    assert expected is None or seen == {(200, expected)}
