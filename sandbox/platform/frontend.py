"""The frontend: ``python -m sandbox.platform.frontend --host 127.0.0.1 --port $PORT``."""

from __future__ import annotations

import asyncio
import html
import os
from pathlib import Path
from string import Template

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from sandbox.platform.configuration import required
from sandbox.platform.metrics import RequestMetrics
from sandbox.platform.server import (
    CAUSE_HEADER,
    REVISION_HEADER,
    ServiceMiddleware,
    arguments,
    run,
    serve,
    service_routes,
)

BACKEND_TIMEOUT_SECONDS = 5.0
PAGES = Path(__file__).parent / "pages"


class Frontend:
    """Shows users their costs.

    :param backend: client whose base URL is the backend's.
    """

    def __init__(self, backend: httpx.AsyncClient) -> None:
        self._backend = backend
        self._home = (PAGES / "home.html").read_text()
        self._dashboard = Template((PAGES / "dashboard.html").read_text())

    async def home(self, _: Request) -> Response:
        """``GET /``: the page that asks for a token and shows the dashboard."""
        return HTMLResponse(self._home)

    async def dashboard(self, request: Request) -> Response:
        """``GET /dashboard``: the caller's costs as HTML; 401 as the backend says, 502 when it fails."""
        authorization = request.headers.get("authorization")
        if not authorization:
            return JSONResponse({"error": "send the header Authorization: Bearer <token>"}, 401)
        try:
            answer = await self._backend.get("/v1/costs", headers={"authorization": authorization})
        except httpx.TransportError as error:
            return JSONResponse({"error": f"the backend did not answer ({type(error).__name__})"}, 502)
        if answer.status_code == 401:
            return JSONResponse(answer.json(), 401)
        if answer.is_error:
            # Whose failure it is: the answer itself comes from the frontend's own revision.
            blamed = {CAUSE_HEADER: answer.headers.get(REVISION_HEADER, "")}
            return JSONResponse({"error": f"the backend answered {answer.status_code}"}, 502, blamed)
        costs = answer.json()
        budget = costs.pop("budget")
        shown = {key: html.escape(str(value)) for key, value in {**costs, **budget}.items()}
        shown["alert"] = html.escape(budget["alert"] or "none")
        return HTMLResponse(self._dashboard.substitute(shown))


async def main() -> None:
    """Serve until SIGTERM.

    :raises ConfigurationError: when the backend's URL is missing.
    """
    options = arguments("frontend", os.environ.get("PORT", ""))
    backend_url = required(os.environ, "BACKEND_URL")
    draining = asyncio.Event()
    async with httpx.AsyncClient(
        base_url=backend_url, timeout=BACKEND_TIMEOUT_SECONDS, trust_env=False
    ) as backend:
        pages = Frontend(backend)
        routes = [Route("/", pages.home), Route("/dashboard", pages.dashboard), *service_routes()]
        application = ServiceMiddleware(
            Starlette(routes=routes), os.environ.get("K_REVISION", "local"), RequestMetrics(), draining
        )
        await serve(application, options.host, options.port, draining)


if __name__ == "__main__":
    run(main())
