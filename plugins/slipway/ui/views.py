"""The pages: a frame that a script fills from the API, and the files that it loads."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import Response
from starlette.staticfiles import StaticFiles

from slipway.ui.addresses import AirflowId, ReleaseId
from slipway.ui.templates import HERE, respond

router = APIRouter()
_files = StaticFiles(directory=HERE / "static")


@router.get("/releases")
def releases(request: Request) -> Response:
    """Show the list of releases."""
    return respond(request, title="Releases", view="releases")


@router.get("/releases/{release_id}")
def release(request: Request, release_id: ReleaseId) -> Response:
    """Show a release."""
    return respond(request, title="Release", view="release", release=release_id)


@router.get("/dags/{dag_id}/runs/{run_id}")
def run(request: Request, dag_id: AirflowId, run_id: AirflowId) -> Response:
    """Show the release of a run, or say that it has none."""
    return respond(request, title="Release", view="run", dag=dag_id, run=run_id)


@router.get("/static/{path:path}")
async def file(request: Request, path: str) -> Response:
    """Return a script or a style. A route and no mount, so that it needs the right to read as well."""
    answer = await _files.get_response(path, request.scope)
    answer.headers["Cache-Control"] = "private, no-cache"
    return answer
