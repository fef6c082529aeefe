"""What the measured and tested images run: a small ASGI application that misbehaves when asked to."""

from __future__ import annotations

import asyncio
import os
import random
import sys
import time
from typing import Any

import prometheus_client
import uvicorn

REVISION = os.environ.get("K_REVISION", "")
REGISTRY = prometheus_client.CollectorRegistry()
prometheus_client.ProcessCollector(registry=REGISTRY)
REQUESTS = prometheus_client.Counter("app_requests", "Requests served.", ["path"], registry=REGISTRY)


async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Answer HTTP and echo WebSocket messages."""
    if scope["type"] == "websocket":
        await _echo(receive, send)
        return
    path = scope["path"]
    REQUESTS.labels(path).inc()
    status, body = 200, b"ok"
    if path == "/metrics":
        body = prometheus_client.generate_latest(REGISTRY)
    elif path == "/environment":
        name = scope["query_string"].decode()
        body = os.environ.get(name, "").encode()
    elif path == "/process":
        body = str(os.getpid()).encode()
    elif path == "/slow":
        await asyncio.sleep(float(scope["query_string"].decode()))
    elif path == "/error":
        status = 500
    elif path == "/unavailable":
        status = 503
    elif path == "/" and os.environ.get("FAILS"):
        status = random.choice((200, 500))
    headers = [(b"x-slipway-revision", REVISION.encode()), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _echo(receive: Any, send: Any) -> None:
    while True:
        message = await receive()
        if message["type"] == "websocket.connect":
            await send({"type": "websocket.accept"})
        elif message["type"] == "websocket.disconnect":
            return
        else:
            await send({"type": "websocket.send", "text": f"{REVISION} {message['text']}"})


if __name__ == "__main__":
    if os.environ.get("CRASH_ON_START"):
        sys.exit(3)
    if os.environ.get("HANG_ON_START"):
        time.sleep(3600)
    while os.path.exists(os.environ.get("WAIT_WHILE_EXISTS", "")):  # noqa: PTH110 - pathlib takes "" for "."
        time.sleep(0.05)
    uvicorn.run(app, host="127.0.0.1", port=int(os.environ["PORT"]), log_level="warning", lifespan="off")
