"""Sessions on the platform's WebSocket, and what becomes of every event."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import websocket

from include.load_test.event_socket import (
    REVISION_HEADER,
    SERVICE_RESTART,
    ClosedError,
    drop,
    idle,
    leave,
    receive,
)
from include.load_test.journeys import ANSWER_TIMEOUT_SECONDS, PlatformUser, now_ms
from include.load_test.prompts import generate

EVENTS = ("optimization.started", "cost.updated", "optimization.completed")
EVENT_TIMEOUT_SECONDS = 3.0
REFUSED = (websocket.WebSocketException, OSError)


class WebSocketJourney(PlatformUser):
    """Connects, watches some optimizations, and leaves; connects again when asked to.

    Fires Locust's ``request`` event with request type ``WS`` and names ``connect`` (also for a session that
    ends otherwise than by the user), ``event`` (one for each event owed) and ``closed``; the context tells
    ``revision``, ``status`` and ``code``.
    """

    abstract = True
    prompts_per_session = 1
    pause_seconds = 0.0

    def steps(self) -> Iterator[None]:
        """Yield after each session."""
        user_id = self.next_user_id()
        token = self.log_in(user_id)
        if token is None:
            yield
            return
        for _ in range(self.sessions_per_login()):
            self._session(user_id, token)
            yield

    def sessions_per_login(self) -> int:
        """Return how many sessions one token serves."""
        return 20

    def _session(self, user_id: str, token: str) -> None:
        connected = self._connect(token)
        if connected is None:
            return
        socket, revision = connected
        session_key = f"ws-{uuid4()}"
        try:
            for number in range(self.prompts_per_session):
                if number and self.pause_seconds:
                    idle(socket, self.pause_seconds)
                if not self._watch(socket, user_id, session_key, revision):
                    break
            leave(socket)
        except ClosedError as error:
            unasked = None if error.code == SERVICE_RESTART else error
            self._fire("closed", 0.0, unasked, revision=revision, code=error.code)
        except REFUSED as error:
            self._fire("closed", 0.0, error, revision=revision, code=None)
        finally:
            drop(socket)

    def _connect(self, token: str) -> tuple[websocket.WebSocket, str | None] | None:
        url = self.endpoints.backend.replace("http", "ws", 1) + f"/v1/events?token={token}"
        socket = websocket.WebSocket(skip_utf8_validation=True)
        socket.settimeout(ANSWER_TIMEOUT_SECONDS)
        began = time.perf_counter()
        try:
            socket.connect(url)  # type: ignore[no-untyped-call]
        except websocket.WebSocketBadStatusException as error:
            revision = (error.resp_headers or {}).get(REVISION_HEADER)
            self._fire("connect", now_ms(began), error, revision=revision, status=error.status_code)
            return None
        except REFUSED as error:
            drop(socket)
            self._fire("connect", now_ms(began), error, revision=None)
            return None
        revision = (socket.getheaders() or {}).get(REVISION_HEADER)
        self._fire("connect", now_ms(began), None, revision=revision, status=socket.getstatus())
        return socket, revision

    def _watch(
        self, socket: websocket.WebSocket, user_id: str, session_key: str, revision: str | None
    ) -> bool:
        """Send one prompt and take its events; return whether the socket is fit for another one."""
        prompt = generate(self.random)
        socket.send(
            json.dumps(
                {
                    "type": "optimize",
                    "session_key": session_key,
                    "agent_name": prompt.agent_name,
                    "model": prompt.model,
                    "prompt": prompt.text,
                }
            )
        )
        missing = list(EVENTS)
        socket.settimeout(EVENT_TIMEOUT_SECONDS)
        while missing:
            try:
                event = receive(socket)
            except websocket.WebSocketTimeoutException:
                break
            latency_ms = max(0.0, time.time() - event["emitted_at"]) * 1000
            if event["type"] not in missing:
                refused = event.get("status")
                wrong = None if refused == 402 else RuntimeError(f"{event['type']} {refused}: {event}")
                self._fire("refused", latency_ms, wrong, revision=revision, status=refused)
                return False
            missing.remove(event["type"])
            foreign = (event["user_id"], event["session_key"]) != (user_id, session_key)
            wrong = RuntimeError("the event carries another user's session") if foreign else None
            self._fire("event", latency_ms, wrong, revision=revision)
            if event["type"] == EVENTS[-1]:
                break
        for kind in missing:
            self._fire("event", 0.0, TimeoutError(f"{kind} was lost"), revision=revision, lost=True)
        return not missing

    def _fire(self, name: str, response_ms: float, error: BaseException | None, **context: Any) -> None:
        self.environment.events.request.fire(
            request_type="WS",
            name=name,
            response_time=response_ms,
            response_length=0,
            response=None,
            context=context,
            exception=error,
            start_time=time.time(),
            url=f"{self.endpoints.backend}/v1/events",
        )
