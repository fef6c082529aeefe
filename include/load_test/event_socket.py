"""The client's side of the platform's WebSocket, one step above frames."""

from __future__ import annotations

import json
from typing import Any

import websocket

LEAVE_SECONDS = 1.0
SERVICE_RESTART = 1012
REVISION_HEADER = "x-slipway-revision"
#: Names the revision of another service because of which an answer failed.
CAUSE_HEADER = "x-slipway-caused-by"


class ClosedError(Exception):
    """The other side closed the WebSocket.

    :param code: its close code, or None when it gave none.
    """

    def __init__(self, code: int | None) -> None:
        super().__init__(f"closed with {code or 'no close frame'}")
        self.code = code


def receive(socket: websocket.WebSocket) -> dict[str, Any]:
    """Return the next event.

    :raises ClosedError: when the other side closed instead.
    :raises websocket.WebSocketTimeoutException: when none came in time.
    :raises ValueError: for a message that is no JSON object.
    """
    try:
        opcode, data = socket.recv_data()
    except websocket.WebSocketConnectionClosedException:
        raise ClosedError(None) from None
    if opcode == websocket.ABNF.OPCODE_CLOSE:
        raise ClosedError(int.from_bytes(data[:2], "big") if len(data) >= 2 else None)
    return _event(data)


def idle(socket: websocket.WebSocket, seconds: float) -> dict[str, Any] | None:
    """Wait; return an event that comes although none is owed.

    :raises ClosedError: as soon as the other side closes.
    """
    socket.settimeout(seconds)
    try:
        return receive(socket)
    except websocket.WebSocketTimeoutException:
        return None


def leave(socket: websocket.WebSocket) -> list[dict[str, Any]]:
    """Close from the user's side; return the events that came although none was owed.

    ``WebSocket.close()`` will not do: it swallows every exception, also the one that ends a greenlet, and a
    user who cannot be ended keeps a load test from ever coming to its end.
    """
    socket.send_close()
    socket.settimeout(LEAVE_SECONDS)
    events = []
    try:
        while True:
            frame = socket.recv_frame()  # type: ignore[no-untyped-call]
            if frame.opcode == websocket.ABNF.OPCODE_CLOSE:
                break
            if frame.opcode == websocket.ABNF.OPCODE_TEXT:
                events.append(_event(frame.data))
    except (websocket.WebSocketTimeoutException, websocket.WebSocketConnectionClosedException):
        pass
    return events


def drop(socket: websocket.WebSocket) -> None:
    """Give the connection up without a closing handshake."""
    socket.shutdown()  # type: ignore[no-untyped-call]


def _event(data: bytes) -> dict[str, Any]:
    event = json.loads(data)
    if not isinstance(event, dict):
        raise ValueError(f"an event that is no JSON object: {data[:80]!r}")  # noqa: TRY004  as unreadable
    return event
