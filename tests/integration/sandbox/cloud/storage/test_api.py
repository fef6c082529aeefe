"""Buckets and objects, by ``google-cloud-storage`` and by Airflow's object storage."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from google.api_core import exceptions
from google.auth.credentials import AnonymousCredentials
from google.cloud.storage import Client

from sandbox.cloud.storage.api import Storage
from sandbox.cloud.storage.buckets import Bucket, BucketStore
from tests.integration.sandbox.cloud.served import served

pytestmark = pytest.mark.sandbox
BUCKETS = {
    "kept": Bucket(),
    "plain": Bucket(versioned=False),
    "retained": Bucket(retention_seconds=3600),
    "closed": Bucket(writers=()),
}
CONTENT = bytes(range(256)) * 10 + b"\r\n--boundary\r\n"
IN_AIRFLOW = """
from airflow.sdk import ObjectStoragePath
folder = ObjectStoragePath("gs://google_cloud_default@plain/reports")
folder.mkdir(parents=True, exist_ok=True)
(folder / "a.html").write_bytes(b"x\\r\\n" * 2_000_000)
assert (folder / "a.html").read_bytes() == b"x\\r\\n" * 2_000_000
assert [path.name for path in folder.iterdir()] == ["a.html"]
"""


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with served(Storage(BucketStore(tmp_path_factory.mktemp("storage"), BUCKETS)).routes()) as base:
        yield base


@pytest.fixture
def client(url: str) -> Iterator[Client]:
    options = {"api_endpoint": url}
    with Client("p", AnonymousCredentials(), client_options=options) as made:
        yield made


def test_a_content_comes_back_as_it_was_written_in_one_piece_or_many(client: Client) -> None:
    small, large = client.bucket("plain").blob("a/ü x.bin"), client.bucket("plain").blob("large")
    small.upload_from_string(CONTENT, content_type="image/png")
    large.chunk_size = 256 * 1024
    large.upload_from_string(CONTENT * 300)
    assert small.download_as_bytes() == CONTENT
    assert large.download_as_bytes() == CONTENT * 300
    found = client.bucket("plain").get_blob("a/ü x.bin")
    assert found is not None
    assert (found.content_type, found.size, found.md5_hash) == ("image/png", len(CONTENT), small.md5_hash)
    listed = client.list_blobs("plain", delimiter="/")
    assert [blob.name for blob in listed] == ["large"]
    assert listed.prefixes == {"a/"}


def test_a_generation_that_the_writer_does_not_expect_is_refused(client: Client) -> None:
    blob = client.bucket("kept").blob("once")
    blob.upload_from_string(b"one", if_generation_match=0)
    with pytest.raises(exceptions.PreconditionFailed):
        blob.upload_from_string(b"two", if_generation_match=0)
    assert blob.download_as_bytes() == b"one"
    blob.upload_from_string(b"two", if_generation_match=blob.generation)
    assert [one.name for one in client.list_blobs("kept", prefix="once", versions=True)] == ["once", "once"]
    blob.delete()
    assert client.bucket("kept").get_blob("once") is None


def test_what_is_retained_stays_and_a_bucket_without_a_writer_takes_nothing(client: Client) -> None:
    blob = client.bucket("retained").blob("backup")
    blob.upload_from_string(b"one")
    for change in (blob.delete, lambda: blob.upload_from_string(b"two")):
        with pytest.raises(exceptions.Forbidden, match="retention policy"):
            change()
    with pytest.raises(exceptions.Forbidden, match="Caller does not have"):
        client.bucket("closed").blob("x").upload_from_string(b"x")
    with pytest.raises(exceptions.NotFound):
        client.get_bucket("absent")


def test_objects_outlive_the_server(tmp_path: Path) -> None:
    for expected in (0, 1):
        with served(Storage(BucketStore(tmp_path, BUCKETS)).routes()) as base:
            options = {"api_endpoint": base}
            with Client("p", AnonymousCredentials(), client_options=options) as client:
                assert len(list(client.list_blobs("plain"))) == expected
                client.bucket("plain").blob("x").upload_from_string(b"x")


def test_object_storage_of_airflow_works_with_it_unchanged(url: str) -> None:
    extra = {"project": "p", "is_anonymous": True, "gcs.endpoint": url}
    connection = {"conn_type": "google_cloud_platform", "extra": extra}
    environment = {
        **os.environ,
        "GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT": "false",
        "AIRFLOW_CONN_GOOGLE_CLOUD_DEFAULT": json.dumps(connection),
    }
    subprocess.run([sys.executable, "-c", IN_AIRFLOW], env=environment, check=True, timeout=120)
