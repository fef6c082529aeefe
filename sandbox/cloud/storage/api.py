"""Cloud Storage's JSON API, as ``google-cloud-storage`` and ``gcsfs`` address it.

What the project does not use (creating buckets, copies, access lists of objects) has no route.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.cloud.api_errors import ApiError, InvalidArgumentError, NotFoundError
from sandbox.cloud.storage.buckets import BucketStore

_API, _UPLOAD, _DOWNLOAD = "/storage/v1", "/upload/storage/v1", "/download/storage/v1"
_BOUNDARY = re.compile(r'boundary="?([^";]+)')
_RANGE = re.compile(r"bytes=(\d+)-(\d*)")
_CONTENT_RANGE = re.compile(r"bytes (?:(\d+)-(\d+)|\*)/(\d+|\*)")
_UNTYPED = "application/octet-stream"
RESUME = 308


@dataclass
class _Upload:
    """A resumable upload under way."""

    bucket: str
    name: str
    content_type: str
    metadata: dict[str, str]
    expected: int | None
    received: bytearray = field(default_factory=bytearray)


class Storage:
    """Answers for the buckets of a store.

    :param store: the buckets, and what is in them.
    """

    def __init__(self, store: BucketStore) -> None:
        self._store = store
        self._uploads: dict[str, _Upload] = {}

    def routes(self) -> list[Route]:
        """Routes as the official clients address them."""
        objects = f"{_API}/b/{{bucket}}/o"
        table: list[tuple[str, str, Callable[..., Any]]] = [
            ("GET", f"{_API}/b/{{bucket}}", self._bucket),
            ("GET", f"{_API}/b/{{bucket}}/iam", self._policy),
            ("GET", objects, self._list),
            ("GET", f"{objects}/", self._list),
            ("GET", f"{objects}/{{name:path}}", self._read),
            ("DELETE", f"{objects}/{{name:path}}", self._delete),
            ("GET", f"{_DOWNLOAD}/b/{{bucket}}/o/{{name:path}}", self._download),
            ("POST", f"{_UPLOAD}/b/{{bucket}}/o", self._upload),
            ("PUT", f"{_UPLOAD}/b/{{bucket}}/o", self._resume),
        ]
        return [Route(path, _answering(handler), methods=[method]) for method, path, handler in table]

    async def _bucket(self, request: Request) -> Any:
        name = request.path_params["bucket"]
        found = self._store.bucket(name)
        retention = {"retentionPeriod": str(found.retention_seconds)} if found.retention_seconds else None
        return {
            "kind": "storage#bucket",
            "id": name,
            "name": name,
            "location": "US-CENTRAL1",
            "storageClass": "STANDARD",
            "versioning": {"enabled": found.versioned},
            "iamConfiguration": {
                "uniformBucketLevelAccess": {"enabled": True},
                "publicAccessPrevention": found.prevention,
            },
            **({"retentionPolicy": retention} if retention else {}),
        }

    async def _policy(self, request: Request) -> Any:
        found = self._store.bucket(request.path_params["bucket"])
        bindings = [{"role": "roles/storage.objectUser", "members": list(found.writers)}]
        return {"kind": "storage#policy", "version": 3, "bindings": bindings if found.writers else []}

    async def _list(self, request: Request) -> Any:
        bucket, asked = request.path_params["bucket"], request.query_params
        prefix, delimiter = asked.get("prefix", ""), asked.get("delimiter", "")
        items: list[Any] = []
        folders: dict[str, None] = {}
        for stored in self._store.objects(
            bucket, prefix, versions=asked.get("versions", "").lower() == "true"
        ):
            below, found, _ = stored.name[len(prefix) :].partition(delimiter) if delimiter else ("", "", "")
            if found:
                folders[prefix + below + delimiter] = None
            else:
                items.append(self._store.resource(bucket, stored))
        most = int(asked.get("maxResults", len(items) or 1))
        begins = int(asked.get("pageToken", 0))
        more = {"nextPageToken": str(begins + most)} if begins + most < len(items) else {}
        page = items[begins : begins + most]
        return {"kind": "storage#objects", "items": page, "prefixes": [] if begins else list(folders), **more}

    async def _read(self, request: Request) -> Any:
        if request.query_params.get("alt") == "media":
            return await self._download(request)
        bucket = request.path_params["bucket"]
        return self._store.resource(bucket, self._found(request))

    async def _download(self, request: Request) -> Response:
        stored = self._found(request)
        content = self._store.read(request.path_params["bucket"], stored)
        headers = {
            "X-Goog-Hash": f"crc32c={stored.crc32c},md5={stored.md5}",
            "X-Goog-Generation": str(stored.generation),
        }
        asked = _RANGE.fullmatch(request.headers.get("range", ""))
        if asked is None:
            return Response(content, media_type=stored.content_type, headers=headers)
        first, last = int(asked[1]), min(int(asked[2] or len(content)), len(content) - 1)
        if first >= len(content):
            return Response(status_code=416)
        headers["Content-Range"] = f"bytes {first}-{last}/{len(content)}"
        return Response(content[first : last + 1], 206, headers, stored.content_type)

    async def _delete(self, request: Request) -> Response:
        asked = request.query_params
        generation = int(asked["generation"]) if "generation" in asked else None
        self._store.delete(
            request.path_params["bucket"],
            request.path_params["name"],
            expected=_expected(request),
            generation=generation,
        )
        return Response(status_code=204)

    async def _upload(self, request: Request) -> Any:
        if "upload_id" in request.query_params:
            # gcsfs sends its chunks so.
            return await self._resume(request)
        bucket, kind = request.path_params["bucket"], request.query_params.get("uploadType")
        body = await request.body()
        if kind == "media":
            about: dict[str, Any] = {"contentType": request.headers.get("content-type", _UNTYPED)}
            return self._write(bucket, request, about, body)
        if kind == "multipart":
            about, content = _parts(request.headers["content-type"], body)
            return self._write(bucket, request, about, content)
        if kind != "resumable":
            raise InvalidArgumentError(f"uploadType={kind}: must be media, multipart or resumable")
        about = json.loads(body or b"{}")
        upload = _Upload(
            bucket,
            _name(request, about),
            about.get("contentType") or request.headers.get("x-upload-content-type", _UNTYPED),
            about.get("metadata", {}),
            _expected(request),
        )
        identifier = uuid.uuid4().hex
        self._uploads[identifier] = upload
        where = request.url.include_query_params(upload_id=identifier, uploadType="resumable")
        return Response(status_code=200, headers={"Location": str(where)})

    async def _resume(self, request: Request) -> Any:
        upload = self._uploads.get(request.query_params.get("upload_id", ""))
        if upload is None:
            raise NotFoundError("There is no such upload.")
        body = await request.body()
        given = _CONTENT_RANGE.fullmatch(request.headers.get("content-range", f"bytes */{len(body)}"))
        if given is None:
            raise InvalidArgumentError("Content-Range cannot be read")
        if given[1] is None or int(given[1]) == len(upload.received):
            upload.received += body
        if given[3] == "*" or len(upload.received) < int(given[3]):
            last = len(upload.received) - 1
            return Response(status_code=RESUME, headers={"Range": f"bytes=0-{last}"} if last >= 0 else {})
        stored = self._store.write(
            upload.bucket,
            upload.name,
            bytes(upload.received),
            content_type=upload.content_type,
            metadata=upload.metadata,
            expected=upload.expected,
        )
        del self._uploads[request.query_params["upload_id"]]
        return self._store.resource(upload.bucket, stored)

    def _write(self, bucket: str, request: Request, about: dict[str, Any], content: bytes) -> Any:
        stored = self._store.write(
            bucket,
            _name(request, about),
            content,
            content_type=about.get("contentType", _UNTYPED),
            metadata=about.get("metadata", {}),
            expected=_expected(request),
        )
        found = self._store.resource(bucket, stored)
        for checksum in ("md5Hash", "crc32c"):
            if about.get(checksum, found[checksum]) != found[checksum]:
                raise InvalidArgumentError(f"Provided {checksum} does not match the content.")
        return found

    def _found(self, request: Request) -> Any:
        bucket, name = request.path_params["bucket"], request.path_params["name"]
        asked = request.query_params.get("generation")
        found = self._store.find(bucket, name, None if asked is None else int(asked))
        if found is None:
            raise NotFoundError(f"No such object: {bucket}/{name}")
        return found


def _answering(handler: Callable[[Request], Any]) -> Callable[[Request], Any]:
    async def endpoint(request: Request) -> Response:
        try:
            answer = await handler(request)
        except ApiError as error:
            body = {"code": error.code, "message": error.message, "errors": [{"message": error.message}]}
            return JSONResponse({"error": body}, status_code=error.code)
        return answer if isinstance(answer, Response) else JSONResponse(answer)

    return endpoint


def _name(request: Request, about: dict[str, Any]) -> str:
    name = request.query_params.get("name") or about.get("name")
    if not name:
        raise InvalidArgumentError("The object has no name.")
    return str(name)


def _expected(request: Request) -> int | None:
    asked = request.query_params.get("ifGenerationMatch")
    return None if asked is None else int(asked)


def _parts(content_type: str, body: bytes) -> tuple[dict[str, Any], bytes]:
    """Return the metadata and the content of a multipart upload."""
    found = _BOUNDARY.search(content_type)
    parts = body.split(b"--" + found[1].encode(), 2) if found else []
    if found is None or len(parts) != 3:
        raise InvalidArgumentError("The body is not the two parts of a multipart upload.")
    newline = b"\r\n" if parts[1].startswith(b"\r\n") else b"\n"
    about = json.loads(parts[1].partition(newline * 2)[2])
    head, _, rest = parts[2].partition(newline * 2)
    content = rest.rpartition(newline + b"--" + found[1].encode())[0]
    kind = head.decode().rpartition(":")[2].strip()
    return {"contentType": kind or _UNTYPED, **about}, content
