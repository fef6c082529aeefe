"""Running one service: middleware every answer passes, and an end that drops nothing."""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
import time
from collections.abc import Coroutine
from types import FrameType

import uvicorn
import uvloop
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sandbox.platform.errors import ServiceStartError
from sandbox.platform.faults import Faults, strikes
from sandbox.platform.metrics import RequestMetrics
from sandbox.supervisor.settings import HOST

REVISION_HEADER = "x-slipway-revision"
#: Names the revision of another service because of which an answer failed.
CAUSE_HEADER = "x-slipway-caused-by"
#: Marks a request that a release sends itself: it is no user's.
SYNTHETIC_HEADER = "x-synthetic-request"
API = "/v1/"
ANSWER_STARTS = {"http.response.start", "websocket.http.response.start", "websocket.accept"}
# Idle keep-alive connections get this long to bring a request that was already on its way.
LAME_DUCK_SECONDS = 0.5
DRAIN_SECONDS = 5.0
CANCEL_SECONDS = 1

_log = logging.getLogger(__name__)


class ServiceMiddleware:
    """Names the revision in every answer, times API requests, and lets faults strike them.

    :param application: the service itself.
    :param revision: name of the revision that answers.
    :param requests: counts API requests.
    :param draining: set when the process is about to end; answers then close their connection.
    :param faults: the faults that this version has; None for none.
    """

    def __init__(
        self,
        application: ASGIApp,
        revision: str,
        requests: RequestMetrics,
        draining: asyncio.Event,
        faults: Faults | None = None,
    ) -> None:
        self._application = application
        self._revision = revision
        self._requests = requests
        self._draining = draining
        self._faults = faults or Faults()
        self._leaked: list[bytes] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI scope."""

        status = 0

        async def named(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            if message["type"] in {
                "http.response.start",
                "websocket.http.response.start",
                "websocket.accept",
            }:
                headers = MutableHeaders(scope=message)
                headers[REVISION_HEADER] = self._revision
                if self._draining.is_set() and message["type"] == "http.response.start":
                    headers["connection"] = "close"
            await send(message)

        if scope["type"] != "http" or not scope["path"].startswith(API):
            await self._application(scope, receive, named)
            return
        began = time.perf_counter()
        try:
            await self._api(scope, receive, named)
        finally:
            self._requests.answered(
                time.perf_counter() - began,
                status=status,
                synthetic=Headers(scope=scope).get(SYNTHETIC_HEADER) == "true",
            )

    async def _api(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._faults.memory_leak_bytes:
            self._leaked.append(b"\x01" * self._faults.memory_leak_bytes)
        if strikes(self._faults.latency_share):
            await asyncio.sleep(self._faults.latency_seconds)
        if self._faults.fails():
            await JSONResponse({"error": "internal error"}, 500)(scope, receive, send)
            return
        await self._application(scope, receive, send)


class GracefulServer(uvicorn.Server):
    """Ends as Cloud Run asks: no new connections, work in progress finished, WebSockets asked to go."""

    def __init__(self, config: uvicorn.Config, draining: asyncio.Event) -> None:
        super().__init__(config)
        self._service_draining = draining

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to end; the signal is not raised again afterwards, because ending is what was asked for."""
        self.should_exit = True

    async def shutdown(self, sockets: list[object] | None = None) -> None:  # type: ignore[override]
        """Drain, for at most ``DRAIN_SECONDS``, then close what is left."""
        for server in self.servers:
            server.close()
        self._service_draining.set()
        await asyncio.sleep(LAME_DUCK_SECONDS)
        if self.server_state.tasks:
            await asyncio.wait(set(self.server_state.tasks), timeout=DRAIN_SECONDS - LAME_DUCK_SECONDS)
        await super().shutdown()


def service_routes() -> list[Route]:
    """Return the routes every service has: ``/health`` and ``/metrics``."""

    async def health(_: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def metrics(_: Request) -> Response:
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    return [Route("/health", health), Route("/metrics", metrics)]


async def serve(application: ASGIApp, host: str, port: int, draining: asyncio.Event) -> None:
    """Serve the application until SIGTERM."""
    config = uvicorn.Config(
        application,
        host=host,
        port=port,
        http="httptools",
        ws="websockets-sansio",
        lifespan="off",
        access_log=False,
        log_config=None,
        log_level="warning",
        proxy_headers=False,
        server_header=False,
        date_header=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=CANCEL_SECONDS,
        ws_ping_interval=None,
        ws_per_message_deflate=False,
        ws_max_size=1 << 20,
    )
    await GracefulServer(config, draining).serve()


def arguments(service: str, environment_port: str) -> argparse.Namespace:
    """Parse ``--host`` and ``--port``; the port defaults to the variable ``PORT``.

    :param service: name shown in the usage text.
    :param environment_port: value of ``PORT``, empty when it is not set.
    """
    parser = argparse.ArgumentParser(prog=f"python -m sandbox.platform.{service}")
    parser.add_argument("--host", default=HOST)
    parser.add_argument("--port", type=int, default=environment_port or "8080")
    return parser.parse_args()


def run(main: Coroutine[None, None, None]) -> None:
    """Run a service to its end; a setting or database that cannot be used ends it with exit code 1."""
    logging.basicConfig(
        stream=sys.stdout, level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    logging.getLogger("httpx").setLevel(logging.WARNING)
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(main)
    except ServiceStartError as error:
        _log.error("cannot start: %s", error)
        sys.exit(1)
