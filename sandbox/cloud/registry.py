"""Container registry: the reading half of the OCI distribution API."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.cloud.run.images import Blob, Images


def application(images: Images) -> Starlette:
    """The registry's web application."""

    async def version(_: Request) -> Response:
        return JSONResponse({})

    async def manifest(request: Request) -> Response:
        name, reference = request.path_params["name"], request.path_params["reference"]
        found = images.manifest(name, reference)
        if found is None:
            return _error(404, "MANIFEST_UNKNOWN", f"manifest unknown: {name}:{reference}")
        return _content(found)

    async def blob(request: Request) -> Response:
        digest = request.path_params["digest"]
        if images.tags(request.path_params["name"]) is None or digest not in images.blobs:
            return _error(404, "BLOB_UNKNOWN", f"blob unknown to registry: {digest}")
        return _content(images.blobs[digest])

    async def tags(request: Request) -> Response:
        name = request.path_params["name"]
        found = images.tags(name)
        if found is None:
            return _error(404, "NAME_UNKNOWN", f"repository name not known to registry: {name}")
        return JSONResponse({"name": name, "tags": found})

    return Starlette(
        routes=[
            Route("/v2/", version),
            Route("/v2/{name:path}/manifests/{reference}", manifest),
            Route("/v2/{name:path}/blobs/{digest}", blob),
            Route("/v2/{name:path}/tags/list", tags),
        ]
    )


def _content(blob: Blob) -> Response:
    headers = {"Docker-Content-Digest": blob.digest}
    return Response(blob.content, media_type=blob.media_type, headers=headers)


def _error(status: int, code: str, message: str) -> Response:
    return JSONResponse({"errors": [{"code": code, "message": message}]}, status_code=status)
