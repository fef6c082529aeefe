"""The Release page's application, mounted into Airflow's API server by the plugin."""

from __future__ import annotations

import logging
from collections.abc import Callable
from http import HTTPStatus

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from slipway.exceptions import ReleaseUnknown, SlipwayError
from slipway.ui.access import readers_only
from slipway.ui.api.models.base import Problem
from slipway.ui.api.routes import router as api
from slipway.ui.headers import SafeHeaders
from slipway.ui.reports import router as reports
from slipway.ui.sources import LedgerUnreadable
from slipway.ui.templates import respond
from slipway.ui.views import router

log = logging.getLogger(__name__)

_REFUSED = {
    HTTPStatus.UNAUTHORIZED: "You are not signed in to Airflow, or no longer. Sign in and come back.",
    HTTPStatus.FORBIDDEN: "Your Airflow user may not read the DAG release, and so not its releases either.",
    HTTPStatus.NOT_FOUND: "There is no such page.",
}


def make_app() -> FastAPI:
    """Return the application: pages to be read by who may read the DAG, and nothing else."""
    app = FastAPI(
        title="Slipway", docs_url=None, redoc_url=None, openapi_url=None, dependencies=[readers_only()]
    )
    app.include_router(router)
    app.include_router(api)
    app.include_router(reports)
    app.add_middleware(SafeHeaders)
    app.add_exception_handler(HTTPException, _refused)
    app.add_exception_handler(RequestValidationError, _malformed)
    app.add_exception_handler(ReleaseUnknown, _told(HTTPStatus.NOT_FOUND, "No such release"))
    app.add_exception_handler(
        LedgerUnreadable, _told(HTTPStatus.SERVICE_UNAVAILABLE, "The ledger cannot be read")
    )
    app.add_exception_handler(SlipwayError, _told(HTTPStatus.INTERNAL_SERVER_ERROR, "Not readable as it is"))
    return app


def _refused(request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    status = HTTPStatus(error.status_code)
    answer = _say(request, status, status.phrase, _REFUSED.get(status, status.description))
    answer.headers.update(error.headers or {})
    return answer


def _malformed(request: Request, error: Exception) -> Response:
    wrong = error.errors() if isinstance(error, RequestValidationError) else ()
    return _say(
        request,
        HTTPStatus.UNPROCESSABLE_ENTITY,
        "Not an address of a release",
        "The address has a part that no release, run, phase or page number can have"
        + "".join(f"; {one['loc'][-1]}: {one['msg']}" for one in wrong)
        + ".",
    )


def _told(status: HTTPStatus, title: str) -> Callable[[Request, Exception], Response]:
    def handler(request: Request, error: Exception) -> Response:
        if status is HTTPStatus.INTERNAL_SERVER_ERROR:
            log.error("the page cannot be shown", exc_info=error)
        return _say(request, status, title, str(error))

    return handler


def _say(request: Request, status: HTTPStatus, title: str, sentence: str) -> Response:
    """Say what is wrong: to a program as JSON, to a person as a page."""
    if request.url.path.startswith(f"{request.scope['root_path']}{api.prefix}/"):
        return JSONResponse(Problem(title=title, detail=sentence).model_dump(), status_code=status)
    return respond(request, status=status, title=title, sentence=sentence)
