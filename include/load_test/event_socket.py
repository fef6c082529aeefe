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
    """
    try:
        opcode, data = socket.recv_data()
    except websocket.WebSocketConnectionClosedException:
        raise ClosedError(None) from None
    if opcode == websocket.ABNF.OPCODE_CLOSE:
        raise ClosedError(int.from_bytes(data[:2], "big") if len(data) >= 2 else None)
    event: dict[str, Any] = json.loads(data)
    return event


def idle(socket: websocket.WebSocket, seconds: float) -> None:
    """Wait.

    :raises ClosedError: as soon as the other side closes meanwhile.
    """
    socket.settimeout(seconds)
    try:
        receive(socket)
    except websocket.WebSocketTimeoutException:
        return


def leave(socket: websocket.WebSocket) -> None:
    """Close from the user's side.

    ``WebSocket.close()`` will not do: it swallows every exception, also the one that ends a greenlet, and a
    user who cannot be ended keeps a load test from ever coming to its end.
    """
    socket.send_close()
    socket.settimeout(LEAVE_SECONDS)
    try:
        while _next_opcode(socket) != websocket.ABNF.OPCODE_CLOSE:
            continue
    except (websocket.WebSocketTimeoutException, websocket.WebSocketConnectionClosedException):
        return


def drop(socket: websocket.WebSocket) -> None:
    """Give the connection up without a closing handshake."""
    socket.shutdown()  # type: ignore[no-untyped-call]


def _next_opcode(socket: websocket.WebSocket) -> int:
    return int(socket.recv_frame().opcode)  # type: ignore[no-untyped-call]
