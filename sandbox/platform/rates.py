"""The second product: ``python -m sandbox.platform.rates --host 127.0.0.1 --port $PORT``."""

from __future__ import annotations

import asyncio
import os

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.platform.faults import Faults
from sandbox.platform.metrics import RequestMetrics
from sandbox.platform.server import ServiceMiddleware, arguments, run, serve, service_routes

RATES = {"CHF": 0.94, "EUR": 0.91, "GBP": 0.78, "JPY": 149.2}


async def rates(_: Request) -> Response:
    """``GET /v1/rates``: what a US dollar is worth."""
    return JSONResponse({"base": "USD", "rates": RATES})


async def main() -> None:
    """Serve until SIGTERM.

    :raises ValueError: when a variable of a fault is out of its range.
    """
    options = arguments("rates", os.environ.get("PORT", ""))
    draining = asyncio.Event()
    application = ServiceMiddleware(
        Starlette(routes=[Route("/v1/rates", rates), *service_routes()]),
        os.environ.get("K_REVISION", "local"),
        RequestMetrics(),
        draining,
        Faults.from_environment(os.environ),
    )
    await serve(application, options.host, options.port, draining)


if __name__ == "__main__":
    run(main())
