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
from include.load_test.event_watch import EVENTS, EventWatch, UnexpectedEventError
from include.load_test.journeys import ANSWER_TIMEOUT_SECONDS, UNREADABLE, PlatformUser, now_ms
from include.load_test.prompts import Prompt

EVENT_TIMEOUT_SECONDS = 3.0
#: The events before the last one may come after it, out of order, for so long.
STRAGGLER_SECONDS = 0.5
REFUSED = (websocket.WebSocketException, OSError)


class WebSocketJourney(PlatformUser):
    """Connects, watches some optimizations, and leaves; connects again when asked to.

    Fires Locust's ``request`` event with request type ``WS`` and names ``connect`` (also for a session that
    ends otherwise than by the user), ``event`` (one for each event owed, and one for each that is not),
    ``refused`` and ``closed``. The context tells ``revision``, ``status`` and ``code``; of an event
    ``fault`` (``lost``, ``doubled``, ``out_of_order``, ``foreign``), ``latency_ms`` from its time stamp as
    the two clocks have it, and ``emitted_after_seconds``: its time stamp since the prompt was sent.
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
        watch = EventWatch(user_id, f"ws-{uuid4()}")
        try:
            for number in range(self.prompts_per_session):
                if number and self.pause_seconds and (event := idle(socket, self.pause_seconds)):
                    self._take(event, watch, revision)
                if not self._watch(socket, watch, revision):
                    break
            for event in leave(socket):
                self._take(event, watch, revision)
        except ClosedError as error:
            unasked = None if error.code == SERVICE_RESTART else error
            self._fire("closed", 0.0, unasked, revision=revision, code=error.code)
        except (*REFUSED, *UNREADABLE) as error:
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

    def _watch(self, socket: websocket.WebSocket, watch: EventWatch, revision: str | None) -> bool:
        """Send one prompt and take its events; return whether the socket is fit for another one."""
        prompt = self.prompt()
        content = {
            "type": "optimize",
            "session_key": watch.session_key,
            "agent_name": prompt.agent_name,
            "model": prompt.model,
            "prompt": prompt.text,
        }
        asked_at = time.time()
        socket.send(json.dumps(content))
        watch.ask()
        socket.settimeout(EVENT_TIMEOUT_SECONDS)
        while watch.missing:
            try:
                event = receive(socket)
            except websocket.WebSocketTimeoutException:
                break
            if event.get("type") == "error":
                refused = event.get("status")
                wrong = None if refused == 402 else RuntimeError(f"error {refused}: {event.get('error')}")
                self._fire("refused", 0.0, wrong, revision=revision, status=refused)
                return False
            self._take(event, watch, revision, asked_at, prompt)
            if event.get("type") == EVENTS[-1]:
                socket.settimeout(STRAGGLER_SECONDS)
        missing = watch.missing
        for kind in missing:
            self._fire("event", 0.0, TimeoutError(f"{kind} was lost"), revision=revision, fault="lost")
        watch.give_up()
        return not missing

    def _take(
        self,
        event: dict[str, Any],
        watch: EventWatch,
        revision: str | None,
        asked_at: float | None = None,
        prompt: Prompt | None = None,
    ) -> None:
        """Judge one event and fire what became of it."""
        context: dict[str, Any] = {"revision": revision}
        wrong: str | None
        try:
            latency_ms = (time.time() - event["emitted_at"]) * 1000
            context["latency_ms"] = latency_ms
            if asked_at is not None:
                context["emitted_after_seconds"] = event["emitted_at"] - asked_at
            fault = watch.take(event)
            self.saw_session(fault == "foreign")
            wrong = None if fault is None else f"{event['type']} came {fault.replace('_', ' ')}"
            context["fault"] = fault
            if fault is None and event["type"] == EVENTS[-1] and prompt is not None:
                wrong = self.check_answer(event, watch.user_id, watch.session_key, prompt)
        except (UnexpectedEventError, *UNREADABLE) as error:
            latency_ms, wrong = 0.0, f"an event that cannot be read: {error}"
        self._fire("event", max(0.0, latency_ms), None if wrong is None else RuntimeError(wrong), **context)

    def _fire(self, name: str, response_ms: float, error: BaseException | None, **context: Any) -> None:
        self.environment.events.request.fire(
            request_type="WS",
            name=name,
            response_time=response_ms,
            response_length=0,
            response=None,
            context={**self.context(), **context},
            exception=error,
            start_time=time.time(),
            url=f"{self.endpoints.backend}/v1/events",
        )
