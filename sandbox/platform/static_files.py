"""The frontend's static files: in a bucket, named by their content.

While a release moves the traffic, a page of one version may ask an instance of another one for its files. So
every version puts its own into the bucket, where every instance finds them.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import mimetypes
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

import httpx

ANSWER_SECONDS = 2.0
AGAIN_SECONDS = 5.0
LONGEST_CACHE = 100
_DIGEST_CHARACTERS = 12

_log = logging.getLogger(__name__)


class BucketAwayError(Exception):
    """The bucket gave no usable answer."""


class StaticFiles:
    """The files of this version, and by the bucket those of every other one.

    :param folder: of this version's files.
    :param storage: client whose base URL is Cloud Storage's.
    :param bucket: name of the bucket; empty for none, then this version's files alone are there.
    """

    def __init__(self, folder: Path, storage: httpx.AsyncClient, bucket: str) -> None:
        self._storage = storage
        self._bucket = bucket
        contents = {
            path: path.read_bytes() for path in sorted(folder.glob("*.css")) + sorted(folder.glob("*.js"))
        }
        names = {path: _named(path, content) for path, content in contents.items()}
        self._own = {names[path]: content for path, content in contents.items()}
        self._others: dict[str, bytes] = {}
        self.addresses: Mapping[str, str] = {
            path.name.replace(".", "_"): f"/static/{name}" for path, name in names.items()
        }

    async def run(self) -> None:
        """Put this version's files into the bucket, until they are there."""
        left = list(self._own) if self._bucket else []
        while left:
            try:
                await self._put(left[0], self._own[left[0]])
                del left[0]
            except (httpx.HTTPError, BucketAwayError) as error:
                _log.warning("static files are not in the bucket yet: %s", error)
                await asyncio.sleep(AGAIN_SECONDS)

    async def get(self, name: str) -> bytes | None:
        """Return a file; None when no version has it.

        :param name: with the digest of its content.
        :raises BucketAwayError: when only the bucket could say.
        """
        if name in self._own or not self._bucket:
            return self._own.get(name)
        if name not in self._others:
            found = await self._read(name)
            if found is None:
                return None
            if len(self._others) >= LONGEST_CACHE:
                self._others.clear()
            self._others[name] = found
        return self._others[name]

    async def _put(self, name: str, content: bytes) -> None:
        answer = await self._storage.post(
            f"/upload/storage/v1/b/{self._bucket}/o",
            params={"uploadType": "media", "name": f"static/{name}", "ifGenerationMatch": "0"},
            content=content,
            headers={"content-type": media_type(name)},
        )
        # It is there already: what has this name has this content.
        if answer.status_code != 412 and answer.is_error:
            raise BucketAwayError(f"{name}: status {answer.status_code}")

    async def _read(self, name: str) -> bytes | None:
        object_name = quote(f"static/{name}", safe="")
        try:
            answer = await self._storage.get(
                f"/storage/v1/b/{self._bucket}/o/{object_name}", params={"alt": "media"}
            )
        except httpx.HTTPError as error:
            raise BucketAwayError(type(error).__name__) from error
        if answer.status_code == 404:
            return None
        if answer.is_error:
            raise BucketAwayError(f"status {answer.status_code}")
        return answer.content


def media_type(name: str) -> str:
    """Return the media type of a file.

    :param name: its name.
    """
    return mimetypes.guess_type(name)[0] or "application/octet-stream"


def _named(path: Path, content: bytes) -> str:
    return f"{path.stem}.{hashlib.sha256(content).hexdigest()[:_DIGEST_CHARACTERS]}{path.suffix}"
