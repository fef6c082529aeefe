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
from sandbox.platform.outgoing import open_client
from sandbox.platform.server import (
    CAUSE_HEADER,
    REVISION_HEADER,
    ServiceMiddleware,
    arguments,
    run,
    serve,
    service_routes,
)
from sandbox.platform.static_files import ANSWER_SECONDS, BucketAwayError, StaticFiles, media_type

BACKEND_TIMEOUT_SECONDS = 5.0
STORAGE_URL = "https://storage.googleapis.com"
PAGES = Path(__file__).parent / "pages"


class Frontend:
    """Shows users their costs.

    :param backend: client whose base URL is the backend's.
    :param files: the static files.
    """

    def __init__(self, backend: httpx.AsyncClient, files: StaticFiles) -> None:
        self._backend = backend
        self._files = files
        self._home = Template((PAGES / "home.html").read_text()).substitute(files.addresses)
        self._dashboard = Template((PAGES / "dashboard.html").read_text())

    async def home(self, _: Request) -> Response:
        """``GET /``: the page that asks for a token and shows the dashboard."""
        return HTMLResponse(self._home)

    async def static(self, request: Request) -> Response:
        """``GET /static/<name>``: a file of any version; 404 without one, 503 when the bucket is away."""
        name = request.path_params["name"]
        try:
            content = await self._files.get(name)
        except BucketAwayError as error:
            return JSONResponse({"error": f"the bucket did not answer ({error})"}, 503)
        if content is None:
            return JSONResponse({"error": f"no file {name}"}, 404)
        kept = {"cache-control": "public, max-age=31536000, immutable"}
        return Response(content, media_type=media_type(name), headers=kept)

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
    storage_url = os.environ.get("STORAGE_EMULATOR_HOST", STORAGE_URL)
    async with (
        open_client(BACKEND_TIMEOUT_SECONDS, backend_url) as backend,
        open_client(ANSWER_SECONDS, storage_url) as storage,
    ):
        files = StaticFiles(PAGES, storage, os.environ.get("STATIC_BUCKET", ""))
        pages = Frontend(backend, files)
        routes = [
            Route("/", pages.home),
            Route("/dashboard", pages.dashboard),
            Route("/static/{name}", pages.static),
            *service_routes(),
        ]
        application = ServiceMiddleware(
            Starlette(routes=routes), os.environ.get("K_REVISION", "local"), RequestMetrics(), draining
        )
        publishing = asyncio.create_task(files.run())
        try:
            await serve(application, options.host, options.port, draining)
        finally:
            publishing.cancel()


if __name__ == "__main__":
    run(main())
