"""Secret Manager through the official client."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import google_crc32c
import pytest
from google.api_core.exceptions import BadRequest, Conflict, NotFound
from google.auth.credentials import AnonymousCredentials
from google.cloud import secretmanager_v1
from google.cloud.secretmanager_v1 import SecretManagerServiceClient
from google.cloud.secretmanager_v1.types import SecretVersion

from sandbox.cloud.api_errors import FailedPreconditionError
from sandbox.cloud.secret_manager.api import MAX_PAYLOAD_BYTES, SecretManager
from tests.integration.sandbox.cloud.served import served

pytestmark = pytest.mark.sandbox

PROJECT = "projects/test"
SECRET = f"{PROJECT}/secrets/pricing"
AUTOMATIC: dict[str, Any] = {"replication": {"automatic": {}}}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """File the secrets are kept in."""
    return tmp_path / "secrets.json"


@pytest.fixture
def client(path: Path) -> Iterator[Any]:
    """An official client of an empty Secret Manager."""
    with (
        served(SecretManager(path).routes()) as url,
        SecretManagerServiceClient(
            credentials=AnonymousCredentials(), transport="rest", client_options={"api_endpoint": url}
        ) as client,
    ):
        yield client


@pytest.fixture
def secret(client: Any) -> str:
    """A secret with two versions: ``one`` and ``two``."""
    client.create_secret(parent=PROJECT, secret_id="pricing", secret=AUTOMATIC)
    for data in (b"one", b"two"):
        client.add_secret_version(parent=SECRET, payload={"data": data})
    return SECRET


def read(client: Any, label: str) -> bytes:
    return bytes(client.access_secret_version(name=f"{SECRET}/versions/{label}").payload.data)


@pytest.mark.conformance("SecretManagerServiceClient.create_secret", "SecretManagerServiceClient.get_secret")
def test_secret_is_created_once(client: Any) -> None:
    created = client.create_secret(
        parent=PROJECT, secret_id="pricing", secret={**AUTOMATIC, "labels": {"owner": "billing"}}
    )
    assert created.name == SECRET
    assert client.get_secret(name=SECRET) == created
    assert dict(created.labels) == {"owner": "billing"}
    with pytest.raises(Conflict, match="already exists"):
        client.create_secret(parent=PROJECT, secret_id="pricing", secret=AUTOMATIC)


@pytest.mark.parametrize(
    ("secret_id", "secret", "message"),
    [("with a space", AUTOMATIC, "secret_id"), ("", AUTOMATIC, "secret_id"), ("pricing", {}, "replication")],
)
def test_secret_that_is_wrong_is_refused(
    client: Any, secret_id: str, secret: dict[str, object], message: str
) -> None:
    with pytest.raises(BadRequest, match=message):
        client.create_secret(parent=PROJECT, secret_id=secret_id, secret=secret)


@pytest.mark.conformance(
    "SecretManagerServiceClient.add_secret_version", "SecretManagerServiceClient.access_secret_version"
)
def test_versions_are_read_by_number_and_by_latest(client: Any, secret: str) -> None:
    assert (read(client, "1"), read(client, "2"), read(client, "latest")) == (b"one", b"two", b"two")
    answer = client.access_secret_version(name=f"{secret}/versions/latest")
    assert answer.name == f"{secret}/versions/2"
    assert answer.payload.data_crc32c == google_crc32c.value(b"two")


def test_checksum_is_verified(client: Any, secret: str) -> None:
    right = google_crc32c.value(b"three")
    version = client.add_secret_version(parent=secret, payload={"data": b"three", "data_crc32c": right})
    assert version.client_specified_payload_checksum
    with pytest.raises(BadRequest, match="data_crc32c"):
        client.add_secret_version(parent=secret, payload={"data": b"four", "data_crc32c": right})
    assert read(client, "latest") == b"three"


def test_payload_has_a_limit(client: Any, secret: str) -> None:
    with pytest.raises(BadRequest, match=str(MAX_PAYLOAD_BYTES)):
        client.add_secret_version(parent=secret, payload={"data": b"x" * (MAX_PAYLOAD_BYTES + 1)})


def test_disabled_version_cannot_be_read_until_enabled(client: Any, secret: str) -> None:
    name = f"{secret}/versions/2"
    assert client.disable_secret_version(name=name).state == SecretVersion.State.DISABLED
    with pytest.raises(BadRequest, match="DISABLED") as caught:
        read(client, "latest")
    assert caught.value.response.json()["error"]["status"] == "FAILED_PRECONDITION"
    assert read(client, "1") == b"one"
    assert client.enable_secret_version(name=name).state == SecretVersion.State.ENABLED
    assert read(client, "latest") == b"two"


def test_destroyed_version_is_gone_for_good(client: Any, secret: str, path: Path) -> None:
    destroyed = client.destroy_secret_version(name=f"{secret}/versions/2")
    assert destroyed.state == SecretVersion.State.DESTROYED
    assert destroyed.destroy_time
    for call in (client.access_secret_version, client.enable_secret_version):
        with pytest.raises(BadRequest, match="DESTROYED"):
            call(name=f"{secret}/versions/2")
    with pytest.raises(FailedPreconditionError, match="DESTROYED"):
        SecretManager(path).access(f"{secret}/versions/2")


@pytest.mark.conformance(
    "SecretManagerServiceClient.list_secret_versions", "SecretManagerServiceClient.disable_secret_version"
)
def test_versions_are_listed_newest_first_page_by_page(client: Any, secret: str) -> None:
    client.add_secret_version(parent=secret, payload={"data": b"three"})
    client.disable_secret_version(name=f"{secret}/versions/3")
    pages = client.list_secret_versions(request={"parent": secret, "page_size": 2}).pages
    numbers = [[version.name.rpartition("/")[2] for version in page.versions] for page in pages]
    assert numbers == [["3", "2"], ["1"]]
    enabled = client.list_secret_versions(request={"parent": secret, "filter": "state:ENABLED"})
    assert [version.name.rpartition("/")[2] for version in enabled] == ["2", "1"]


def test_secrets_are_listed_per_project(client: Any, secret: str) -> None:
    client.create_secret(parent="projects/other", secret_id="flags", secret=AUTOMATIC)
    assert [found.name for found in client.list_secrets(parent=PROJECT)] == [secret]


def test_deleted_secret_is_not_found(client: Any, secret: str) -> None:
    client.delete_secret(name=secret)
    with pytest.raises(NotFound):
        client.get_secret(name=secret)
    with pytest.raises(NotFound):
        client.delete_secret(name=secret)


def test_a_missing_resource_is_not_found(client: Any, secret: str) -> None:
    missing = f"{PROJECT}/secrets/missing"
    for call in (
        lambda: client.get_secret(name=missing),
        lambda: client.add_secret_version(parent=missing, payload={"data": b""}),
        lambda: client.get_secret_version(name=f"{secret}/versions/3"),
        lambda: client.get_secret_version(name=f"{secret}/versions/0"),
        lambda: client.access_secret_version(name=f"{secret}/versions/newest"),
        lambda: client.access_secret_version(name=f"{missing}/versions/latest"),
        lambda: client.disable_secret_version(name=f"{secret}/versions/3"),
    ):
        with pytest.raises(NotFound):
            call()


@pytest.mark.conformance(
    "SecretManagerServiceClient.update_secret", "SecretManagerServiceClient.get_secret_version"
)
def test_an_alias_names_a_version_under_the_etag_that_was_read(client: Any, secret: str) -> None:
    read_first = client.get_secret(name=secret)
    wanted = {"name": secret, "version_aliases": {"rollback": 1}, "etag": read_first.etag}
    mask = {"paths": ["version_aliases"]}
    assert client.update_secret(secret=wanted, update_mask=mask).version_aliases == {"rollback": 1}
    assert client.get_secret_version(name=f"{secret}/versions/rollback").name == f"{secret}/versions/1"
    assert read(client, "rollback") == b"one"
    with pytest.raises(BadRequest, match="etag"):
        client.update_secret(secret=wanted | {"version_aliases": {"rollback": 2}}, update_mask=mask)


def test_secret_without_versions_has_no_latest(client: Any) -> None:
    client.create_secret(parent=PROJECT, secret_id="pricing", secret=AUTOMATIC)
    with pytest.raises(NotFound):
        client.access_secret_version(name=f"{SECRET}/versions/latest")


def test_secrets_survive_a_restart_in_a_private_file(client: Any, secret: str, path: Path) -> None:
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    again = SecretManager(path)
    assert again.access(f"{secret}/versions/1") == b"one"
    with served(again.routes()) as url:
        other = secretmanager_v1.SecretManagerServiceClient(
            credentials=AnonymousCredentials(), transport="rest", client_options={"api_endpoint": url}
        )
        assert other.get_secret(name=secret) == client.get_secret(name=secret)
        other.transport.close()
