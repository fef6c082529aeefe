"""The WebSocket ``/v1/events``: optimizations whose progress the client follows."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from typing import Annotated, Any, Literal
from uuid import UUID, uuid4

from pydantic import BaseModel, Field, TypeAdapter, ValidationError
from starlette.responses import JSONResponse
from starlette.websockets import WebSocket, WebSocketDisconnect

from sandbox.platform.fan_out import FanOut, Follower, follower
from sandbox.platform.faults import Faults, strikes
from sandbox.platform.identity import TokenError, Verifier
from sandbox.platform.metrics import BackendMetrics
from sandbox.platform.optimization import (
    BudgetSpentError,
    Name,
    OptimizationService,
    OptimizeRequest,
    SessionIsolationError,
    mistakes,
    progress,
)
from sandbox.platform.product_events import ProductEvents
from sandbox.platform.request_counts import TooManyRequestsError

SERVICE_RESTART = 1012

_log = logging.getLogger(__name__)


class _OptimizeMessage(OptimizeRequest):
    type: Literal["optimize"]


class _FollowMessage(BaseModel):
    type: Literal["follow"]
    session_key: Name


_MESSAGE: TypeAdapter[_OptimizeMessage | _FollowMessage] = TypeAdapter(
    Annotated[_OptimizeMessage | _FollowMessage, Field(discriminator="type")]
)


class EventStream:
    """Serves the WebSockets of one process.

    :param service: what answers the messages.
    :param verifier: checks the tokens.
    :param faults: the faults that this version has.
    :param metrics: the metrics to count in.
    :param draining: set when the process is about to end; sockets then close with 1012 once nothing of
        theirs is in progress.
    :param events: the product's record of events.
    :param fan_out: brings the events of a session that a client follows.
    """

    def __init__(
        self,
        service: OptimizationService,
        verifier: Verifier,
        faults: Faults,
        metrics: BackendMetrics,
        draining: asyncio.Event,
        events: ProductEvents,
        fan_out: FanOut,
    ) -> None:
        self._service = service
        self._verifier = verifier
        self._faults = faults
        self._metrics = metrics
        self._draining = draining
        self._events = events
        self._fan_out = fan_out

    async def serve(self, websocket: WebSocket) -> None:
        """Serve one connection until the client leaves or the process drains."""
        try:
            caller = self._verifier.verify(websocket.query_params.get("token", ""))
        except TokenError as error:
            await websocket.send_denial_response(JSONResponse({"error": str(error)}, 401))
            return
        if strikes(self._faults.error_rate):
            self._metrics.connections.labels("failure").inc()
            await websocket.send_denial_response(JSONResponse({"error": "internal error"}, 500))
            return
        if strikes(self._faults.socket_refusal_rate):
            self._metrics.connections.labels("failure").inc()
            await websocket.send_denial_response(JSONResponse({"error": "too many connections"}, 503))
            return
        try:
            await websocket.accept()
        except (RuntimeError, OSError):
            self._metrics.connections.labels("failure").inc()
            _log.warning("a WebSocket handshake could not be completed")
            return
        self._metrics.connections.labels("success").inc()
        try:
            await self._converse(websocket, caller.user_id)
        except WebSocketDisconnect:
            return

    async def _converse(self, websocket: WebSocket, user_id: UUID) -> None:
        """Answer messages and send what the client follows, one after the other."""
        followed = follower()
        draining = asyncio.create_task(self._draining.wait())
        message = asyncio.create_task(websocket.receive_text())
        event = asyncio.create_task(followed.get())
        try:
            while True:
                await asyncio.wait({message, event, draining}, return_when=asyncio.FIRST_COMPLETED)
                if event.done():
                    await websocket.send_text(json.dumps(event.result()))
                    event = asyncio.create_task(followed.get())
                elif message.done():
                    await self._handle(websocket, user_id, message.result(), followed)
                    message = asyncio.create_task(websocket.receive_text())
                else:
                    await websocket.close(SERVICE_RESTART, "the instance is going away: connect again")
                    return
        finally:
            for task in (draining, message, event):
                task.cancel()
            await self._fan_out.leave(followed)

    async def _handle(self, websocket: WebSocket, user_id: UUID, text: str, followed: Follower) -> None:
        request_id = uuid4()
        sender = _Sender(websocket, request_id, self._faults, self._metrics)
        try:
            request = _MESSAGE.validate_json(text)
            if isinstance(request, _FollowMessage):
                everywhere = await self._fan_out.follow(user_id, request.session_key, followed)
                scope = "all instances" if everywhere else "this instance"
                await websocket.send_text(
                    json.dumps({"type": "following", "session_key": request.session_key, "events_of": scope})
                )
                return
            account = await self._service.admit(user_id)
            own = {"user_id": str(user_id), "session_key": request.session_key}
            await sender.send("optimization.started", own)
            answer = await self._service.answer(account, request, request_id)
        except ValidationError as error:
            await sender.refuse(422, mistakes(error))
            return
        except BudgetSpentError as error:
            await sender.refuse(402, str(error))
            return
        except TooManyRequestsError as error:
            await sender.refuse(429, str(error))
            return
        except SessionIsolationError as error:
            await sender.refuse(500, str(error))
            return
        for kind, content in progress(answer):
            await sender.send(kind, content)
        sender.account(self._events, user_id)


class _Sender:
    """Sends one request's events and accounts for the ones that were owed."""

    def __init__(
        self, websocket: WebSocket, request_id: UUID, faults: Faults, metrics: BackendMetrics
    ) -> None:
        self._websocket = websocket
        self._request_id = request_id
        self._faults = faults
        self._metrics = metrics
        self._owed = 0
        self._sent = 0
        self._slowest: float | None = None

    async def send(self, kind: str, content: dict[str, Any]) -> None:
        self._owed += 1
        emitted_at = time.time()
        if self._faults.event_delay_seconds:
            await asyncio.sleep(self._faults.event_delay_seconds)
        if strikes(self._faults.event_loss_rate):
            return
        event = {**content, "type": kind, "request_id": str(self._request_id), "emitted_at": emitted_at}
        await self._websocket.send_text(json.dumps(event))
        self._sent += 1
        seconds = max(0.0, time.time() - emitted_at)
        self._slowest = max(seconds, self._slowest or 0.0)
        self._metrics.event_latency.observe(seconds)

    async def refuse(self, status: int, error: object) -> None:
        """Tell the client that there will be no optimization."""
        event = {"type": "error", "status": status, "error": error, "emitted_at": time.time()}
        await self._websocket.send_text(json.dumps({**event, "request_id": str(self._request_id)}))

    def account(self, events: ProductEvents, user_id: UUID) -> None:
        """Count what was delivered and what was lost; a client that left first is owed nothing."""
        self._metrics.events.labels("delivered").inc(self._sent)
        self._metrics.events.labels("lost").inc(self._owed - self._sent)
        events.delivered(
            self._request_id, user_id, owed=self._owed, delivered=self._sent, slowest_seconds=self._slowest
        )
