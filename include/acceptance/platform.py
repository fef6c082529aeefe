"""The platform as its users reach it: three URLs from the environment."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import httpx
import websocket

from include.load_test.prompts import Prompt

TIMEOUT_SECONDS = 5.0
SEEN_WITHIN_SECONDS = 3.0
POLL_SECONDS = 0.1
LAST_EVENT = "optimization.completed"


def base_url(service: str) -> str:
    """Return the base URL of ``backend``, ``auth`` or ``frontend``.

    :raises KeyError: naming the variable that is not set.
    """
    return os.environ[f"{service.upper()}_URL"].rstrip("/")


def identity(service: str) -> dict[str, str]:
    """Return the header that says to Cloud Run who calls; none for a service that admits everybody."""
    token = os.environ.get(f"{service.upper()}_IDENTITY_TOKEN")
    return {} if token is None else {"X-Serverless-Authorization": f"Bearer {token}"}


@contextmanager
def service(name: str) -> Iterator[httpx.Client]:
    """Lend an HTTP client of one service."""
    with httpx.Client(
        base_url=base_url(name), timeout=TIMEOUT_SECONDS, trust_env=False, headers=identity(name)
    ) as client:
        yield client


@dataclass
class Caller:
    """A signed-in user of their own.

    :param backend: client of the backend.
    :param token: the user's bearer token.
    """

    backend: httpx.Client
    user_id: str
    token: str
    session_key: str = field(default_factory=lambda: f"acceptance-{uuid4()}")

    @property
    def headers(self) -> dict[str, str]:
        """The header that says who is calling."""
        return {"Authorization": f"Bearer {self.token}"}

    def body(self, prompt: Prompt, /, **changes: Any) -> dict[str, Any]:
        """Return the body of an optimize request."""
        return {
            "session_key": self.session_key,
            "agent_name": prompt.agent_name,
            "model": prompt.model,
            "prompt": prompt.text,
            **changes,
        }

    def post(self, prompt: Prompt, /, **changes: Any) -> httpx.Response:
        """Send an optimize request and return the response, whatever it is."""
        return self.backend.post("/v1/optimize", json=self.body(prompt, **changes), headers=self.headers)

    def optimize(self, prompt: Prompt, /, **changes: Any) -> dict[str, Any]:
        """Have a prompt optimized and return the answer; anything but 200 fails the test."""
        response = self.post(prompt, **changes)
        assert response.status_code == 200, f"POST /v1/optimize: {response.status_code} {response.text[:300]}"
        answer: dict[str, Any] = response.json()
        return answer

    def costs(self) -> dict[str, Any]:
        """Return the user's month to date."""
        response = self.backend.get("/v1/costs", headers=self.headers)
        assert response.status_code == 200, f"GET /v1/costs: {response.status_code} {response.text[:300]}"
        costs: dict[str, Any] = response.json()
        return costs

    def costs_after(self, requests: int) -> dict[str, Any]:
        """Return the month to date once it counts so many requests, or as it is when the wait is over.

        The instance that answers may have to wait for what another one writes.
        """
        deadline = time.monotonic() + SEEN_WITHIN_SECONDS
        costs = self.costs()
        while costs["requests"] < requests and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)
            costs = self.costs()
        return costs

    @contextmanager
    def events(self) -> Iterator[EventSocket]:
        """Lend an open WebSocket."""
        url = f"{base_url('backend').replace('http', 'ws', 1)}/v1/events?token={self.token}"
        socket = websocket.create_connection(url, timeout=TIMEOUT_SECONDS, header=identity("backend"))
        try:
            yield EventSocket(self, socket)
        finally:
            socket.close(timeout=1)


@dataclass(frozen=True)
class Event:
    """An event, and the seconds it took from its time stamp to here."""

    content: dict[str, Any]
    latency: float


@dataclass
class EventSocket:
    """One user's WebSocket."""

    caller: Caller
    socket: websocket.WebSocket

    def optimize(self, prompt: Prompt, bound: float = 2.0) -> list[Event]:
        """Have a prompt optimized; return its events up to the last one, or those that came in time."""
        self.socket.send(json.dumps({"type": "optimize", **self.caller.body(prompt)}))
        self.socket.settimeout(bound)
        events: list[Event] = []
        while not events or events[-1].content["type"] not in {LAST_EVENT, "error"}:
            try:
                content = json.loads(self.socket.recv())
            except websocket.WebSocketTimeoutException:
                break
            events.append(Event(content, time.time() - content["emitted_at"]))
        return events
