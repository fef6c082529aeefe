"""Cloud Storage hook: buckets, who may write to them, and what is in them."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import google_crc32c
from airflow.providers.google.common.consts import CLIENT_INFO
from airflow.providers.google.common.hooks.base_google import GoogleBaseHook
from google.api_core import exceptions as google_errors
from google.cloud.storage import Client

from slipway.analysis.infrastructure import BucketFacts
from slipway.exceptions import BucketUnreadable
from slipway.hooks.google.calls import ATTEMPT_SECONDS, READ_SECONDS, reported_as, retry_within
from slipway.hooks.google.endpoint import GoogleEndpointMixin

#: The predefined roles that let a member create objects in a bucket. A custom role is not looked into.
WRITING_ROLES = frozenset(
    f"roles/storage.{name}"
    for name in (
        "admin",
        "legacyBucketOwner",
        "legacyBucketWriter",
        "objectAdmin",
        "objectCreator",
        "objectUser",
    )
)


@dataclass(frozen=True)
class StoredObject:
    """An object of a bucket.

    :param name: its name.
    :param generation: which one of that name.
    :param size: its size in bytes.
    :param crc32c: its CRC32C, in base 64.
    :param created_at: when it was written.
    :param retained_until: until when nobody can delete or overwrite it; None for not at all.
    """

    name: str
    generation: int
    size: int
    crc32c: str
    created_at: datetime
    retained_until: datetime | None


class _Checksum:
    """Takes what is downloaded and keeps its CRC32C alone."""

    def __init__(self) -> None:
        self._crc32c = 0

    def write(self, content: bytes) -> int:
        """Take the next part."""
        self._crc32c = google_crc32c.extend(self._crc32c, content)
        return len(content)

    def text(self) -> str:
        """The checksum in base 64."""
        return b64encode(self._crc32c.to_bytes(4, "big")).decode()


class BucketHook(GoogleEndpointMixin, GoogleBaseHook):
    """Reads buckets, and deletes what a policy no longer keeps.

    :param gcp_conn_id: Airflow connection; its extra ``api_endpoints.storage`` may name another address.
    """

    endpoint_name = "storage"

    def facts(self, *, project_id: str, bucket: str) -> BucketFacts | None:
        """Read a bucket; None when there is none of this name.

        :param project_id: Google Cloud project that the reads are charged to.
        :param bucket: its name.
        :raises BucketUnreadable: when Cloud Storage refuses, or gives no usable answer.
        """
        with self._client(project_id, f"bucket {bucket}: cannot be read") as client:
            try:
                found = client.get_bucket(bucket, **_calls())
            except google_errors.NotFound:
                return None
            bindings = found.get_iam_policy(requested_policy_version=3, **_calls()).bindings
        return BucketFacts(
            versioned=bool(found.versioning_enabled),
            public_access_prevented=found.iam_configuration.public_access_prevention == "enforced",
            retention_seconds=found.retention_period,
            writers=frozenset(
                member
                for binding in bindings
                if binding["role"] in WRITING_ROLES
                for member in binding["members"]
            ),
        )

    def stored(self, *, project_id: str, bucket: str, name: str) -> StoredObject | None:
        """Read an object's metadata; None when there is none of this name.

        :param project_id: Google Cloud project that the reads are charged to.
        :param bucket: name of the bucket.
        :param name: name of the object.
        :raises BucketUnreadable: when Cloud Storage refuses, or gives no usable answer.
        """
        with self._client(project_id, f"gs://{bucket}/{name}: cannot be read") as client:
            found = client.bucket(bucket).get_blob(name, **_calls())
        if found is None:
            return None
        return StoredObject(
            name=name,
            generation=int(found.generation),
            size=int(found.size),
            crc32c=found.crc32c,
            created_at=found.time_created,
            retained_until=found.retention_expiration_time,
        )

    def checksum(self, *, project_id: str, bucket: str, name: str, generation: int) -> str:
        """Read an object to its end, keeping nothing of it; return its CRC32C, in base 64.

        :param project_id: Google Cloud project that the reads are charged to.
        :param bucket: name of the bucket.
        :param name: name of the object.
        :param generation: which one of that name.
        :raises BucketUnreadable: when Cloud Storage refuses, or gives no usable answer.
        """
        found = _Checksum()
        with self._client(project_id, f"gs://{bucket}/{name}: cannot be read") as client:
            blob = client.bucket(bucket).blob(name, generation=generation)
            # As it is stored: a compressed object is otherwise unpacked on its way.
            blob.download_to_file(found, raw_download=True, checksum=None, **_calls())
        return found.text()

    def delete(self, *, project_id: str, bucket: str, name: str, generation: int) -> None:
        """Delete one generation of an object for good; done again it changes nothing.

        :param project_id: Google Cloud project that the call is charged to.
        :param bucket: name of the bucket.
        :param name: name of the object.
        :param generation: which one of that name.
        :raises BucketUnreadable: when Cloud Storage refuses, or gives no usable answer.
        """
        doing = f"gs://{bucket}/{name}: cannot be deleted"
        with self._client(project_id, doing) as client, suppress(google_errors.NotFound):
            client.bucket(bucket).blob(name, generation=generation).delete(**_calls())

    @contextmanager
    def _client(self, project_id: str, doing: str) -> Iterator[Client]:
        with (
            reported_as(BucketUnreadable, doing),
            Client(
                project=project_id,
                credentials=self.get_credentials(),
                client_info=CLIENT_INFO,
                client_options=self.get_client_options(),
            ) as client,
        ):
            yield client


def _calls() -> dict[str, Any]:
    return {"timeout": ATTEMPT_SECONDS, "retry": retry_within(READ_SECONDS)}
