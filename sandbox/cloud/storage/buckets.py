"""Buckets and their objects, on disk: every generation is a file, its metadata is beside it."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import google_crc32c

from sandbox.cloud.api_errors import ApiError, NotFoundError

#: Who writes in the sandbox: nobody signs in on loopback.
WRITER = "serviceAccount:slipway@sandbox-production.iam.gserviceaccount.com"


class ForbiddenError(ApiError):
    """The caller may not, or not yet."""

    code, status = 403, "PERMISSION_DENIED"


class PreconditionError(ApiError):
    """The object is of another generation than the caller expects."""

    code, status = 412, "FAILED_PRECONDITION"


@dataclass(frozen=True)
class Bucket:
    """A bucket. Nobody may write to one that has no writers, as nobody may to one without a binding.

    :param project: project it belongs to.
    :param versioned: whether what is overwritten or deleted is kept.
    :param prevention: ``enforced``, or ``inherited`` for a bucket that could be made public.
    :param retention_seconds: how long an object cannot be deleted or overwritten; 0 for not at all.
    :param writers: members with ``roles/storage.objectUser``.
    """

    project: str = "sandbox-production"
    versioned: bool = True
    prevention: str = "enforced"
    retention_seconds: int = 0
    writers: tuple[str, ...] = (WRITER,)


BUCKETS: Mapping[str, Bucket] = {
    "netra-production-assets": Bucket(),
    "netra-production-backups": Bucket(retention_seconds=3600),
    "netra-production-reports": Bucket(),
    "netra-staging-assets": Bucket(project="sandbox-staging"),
}
"""The buckets of the sandbox."""


@dataclass(frozen=True)
class Stored:
    """A generation of an object.

    :param name: name of the object.
    :param generation: when it was written, in microseconds since 1970, and never the same twice.
    :param live: whether it is what a reader without a generation gets.
    """

    name: str
    generation: int
    size: int
    md5: str
    crc32c: str
    content_type: str
    created: str
    metadata: Mapping[str, str] = field(default_factory=dict)
    live: bool = True

    @property
    def created_at(self) -> datetime:
        """When it was written."""
        return datetime.fromisoformat(self.created)


class BucketStore:
    """The buckets, and what is in them.

    :param folder: where objects are kept.
    :param buckets: the buckets by name.
    """

    def __init__(self, folder: Path, buckets: Mapping[str, Bucket] = BUCKETS) -> None:
        self._folder = folder
        self._buckets = dict(buckets)
        self._lock = threading.Lock()
        self._last = 0

    def bucket(self, name: str) -> Bucket:
        """Return a bucket.

        :param name: its name.
        :raises NotFoundError: when there is none.
        """
        if name not in self._buckets:
            raise NotFoundError("The specified bucket does not exist.")
        return self._buckets[name]

    def replace(self, name: str, bucket: Bucket) -> None:
        """Set a bucket up anew; what is in it stays."""
        self.bucket(name)
        self._buckets[name] = bucket

    def objects(self, bucket: str, prefix: str = "", *, versions: bool = False) -> Iterator[Stored]:
        """Yield the objects whose names begin with a prefix, by name.

        :param bucket: name of the bucket.
        :param prefix: beginning of the names.
        :param versions: whether earlier generations are among them.
        :raises NotFoundError: when there is no such bucket.
        """
        self.bucket(bucket)
        found = [Stored(**json.loads(path.read_text())) for path in self._place(bucket).glob("*/*.json")]
        for stored in sorted(found, key=lambda one: (one.name, one.generation)):
            if stored.name.startswith(prefix) and (stored.live or versions):
                yield stored

    def find(self, bucket: str, name: str, generation: int | None = None) -> Stored | None:
        """Return an object, None when there is none.

        :param bucket: name of the bucket.
        :param name: name of the object.
        :param generation: which generation; None for the live one.
        :raises NotFoundError: when there is no such bucket.
        """
        self.bucket(bucket)
        place = self._of(bucket, name)
        found = [Stored(**json.loads(path.read_text())) for path in place.glob("*.json")]
        return next(
            (one for one in found if (one.live if generation is None else one.generation == generation)), None
        )

    def resource(self, bucket: str, stored: Stored) -> dict[str, Any]:
        """Return an object's metadata as the API shows it."""
        seconds = self.bucket(bucket).retention_seconds
        until = stored.created_at + timedelta(seconds=seconds)
        retained = {"retentionExpirationTime": until.isoformat().replace("+00:00", "Z")}
        return {
            "kind": "storage#object",
            "id": f"{bucket}/{stored.name}/{stored.generation}",
            "name": stored.name,
            "bucket": bucket,
            "generation": str(stored.generation),
            "metageneration": "1",
            "contentType": stored.content_type,
            "size": str(stored.size),
            "md5Hash": stored.md5,
            "crc32c": stored.crc32c,
            "etag": base64.b64encode(str(stored.generation).encode()).decode(),
            "timeCreated": stored.created,
            "updated": stored.created,
            "storageClass": "STANDARD",
            "metadata": dict(stored.metadata),
            **({} if stored.live else {"timeDeleted": stored.created}),
            **(retained if seconds else {}),
        }

    def read(self, bucket: str, stored: Stored) -> bytes:
        """Return the content of a generation."""
        return (self._of(bucket, stored.name) / str(stored.generation)).read_bytes()

    def write(
        self,
        bucket: str,
        name: str,
        content: bytes,
        *,
        content_type: str,
        metadata: Mapping[str, str],
        expected: int | None,
    ) -> Stored:
        """Write a new generation of an object.

        :param bucket: name of the bucket.
        :param name: name of the object.
        :param content: its content.
        :param content_type: its media type.
        :param metadata: the writer's own metadata.
        :param expected: generation that must be live; 0 for none, None for whichever.
        :raises ForbiddenError: when nobody may write, or the live one is retained.
        :raises PreconditionError: when another generation is live.
        """
        with self._lock:
            current = self._changeable(bucket, name, expected)
            self._last = max(self._last + 1, time.time_ns() // 1000)
            stored = Stored(
                name=name,
                generation=self._last,
                size=len(content),
                md5=base64.b64encode(hashlib.md5(content, usedforsecurity=False).digest()).decode(),
                crc32c=base64.b64encode(google_crc32c.value(content).to_bytes(4, "big")).decode(),
                content_type=content_type,
                created=datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
                metadata=dict(metadata),
            )
            place = self._of(bucket, name)
            place.mkdir(parents=True, exist_ok=True)
            (place / str(stored.generation)).write_bytes(content)
            self._retire(bucket, current)
            self._save(bucket, stored)
            return stored

    def delete(self, bucket: str, name: str, *, expected: int | None, generation: int | None) -> None:
        """Delete an object; a versioned bucket keeps it as an earlier generation.

        :param bucket: name of the bucket.
        :param name: name of the object.
        :param expected: generation that must be live; None for whichever.
        :param generation: the generation to delete for good; None for the live one.
        :raises NotFoundError: when there is none.
        :raises ForbiddenError: when nobody may write, or it is retained.
        :raises PreconditionError: when another generation is live.
        """
        with self._lock:
            self._changeable(bucket, name, expected)
            found = self.find(bucket, name, generation)
            if found is None:
                raise NotFoundError(f"No such object: {bucket}/{name}")
            if generation is None:
                self._retire(bucket, found)
            else:
                self._require_unretained(bucket, found)
                self._remove(bucket, found)

    def _changeable(self, bucket: str, name: str, expected: int | None) -> Stored | None:
        """Return what is live, when it may be changed."""
        if not self.bucket(bucket).writers:
            raise ForbiddenError(f"Caller does not have storage.objects.create access to {bucket}/{name}.")
        current = self.find(bucket, name)
        if expected is not None and expected != (current.generation if current else 0):
            raise PreconditionError("At least one of the pre-conditions you specified did not hold.")
        if current is not None:
            self._require_unretained(bucket, current)
        return current

    def _require_unretained(self, bucket: str, stored: Stored) -> None:
        until = stored.created_at + timedelta(seconds=self.bucket(bucket).retention_seconds)
        if datetime.now(UTC) < until:
            raise ForbiddenError(
                f"Object '{bucket}/{stored.name}' is subject to bucket's retention policy or object retention"
                f" and cannot be deleted or overwritten until {until.isoformat()}"
            )

    def _retire(self, bucket: str, stored: Stored | None) -> None:
        if stored is not None and self.bucket(bucket).versioned:
            self._save(bucket, Stored(**asdict(stored) | {"live": False}))
        elif stored is not None:
            self._remove(bucket, stored)

    def _remove(self, bucket: str, stored: Stored) -> None:
        place = self._of(bucket, stored.name)
        (place / f"{stored.generation}.json").unlink()
        (place / str(stored.generation)).unlink()

    def _save(self, bucket: str, stored: Stored) -> None:
        path = self._of(bucket, stored.name) / f"{stored.generation}.json"
        draft = path.with_suffix(".draft")
        draft.write_text(json.dumps(asdict(stored)))
        draft.replace(path)

    def _of(self, bucket: str, name: str) -> Path:
        return self._place(bucket) / hashlib.sha256(name.encode()).hexdigest()

    def _place(self, bucket: str) -> Path:
        return self._folder / bucket
