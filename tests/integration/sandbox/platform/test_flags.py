"""A rollback's feature flags reach the process that runs, and only one that mounts older ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from google.auth.credentials import AnonymousCredentials
from google.cloud.secretmanager_v1 import Secret, SecretManagerServiceClient, SecretPayload

from include.load_test.prompts import corpus
from sandbox.cloud.secret_manager.api import SecretManager
from sandbox.platform.flags import FeatureFlags
from tests.integration.sandbox.cloud.served import served
from tests.integration.sandbox.platform.services import Service, User
from tests.waiting import until

pytestmark = pytest.mark.sandbox
SECRET = "projects/test/secrets/prod-feature-flags"
ON, OFF = b'{"token_optimization": true}', b'{"token_optimization": false}'


@pytest.fixture(scope="module")
def secrets() -> Iterator[tuple[str, Any]]:
    """Address and official client of a Secret Manager whose flags have the versions on, off, on."""
    with (
        served(SecretManager(None).routes()) as url,
        SecretManagerServiceClient(
            credentials=AnonymousCredentials(), transport="rest", client_options={"api_endpoint": url}
        ) as client,
    ):
        client.create_secret(
            parent="projects/test",
            secret_id="prod-feature-flags",
            secret=Secret(replication={"automatic": {}}),
        )
        for data in (ON, OFF, ON):
            client.add_secret_version(parent=SECRET, payload=SecretPayload(data=data))
        yield url, client


def roll_back(client: Any, version: int) -> None:
    secret = {"name": SECRET, "version_aliases": {"rollback": version}}
    client.update_secret(secret=secret, update_mask={"paths": ["version_aliases"]})


def test_the_running_backend_stops_optimizing_without_a_deployment(
    secrets: tuple[str, Any],
    start_backend: Callable[..., Service],
    new_user: Callable[[Service], User],
) -> None:
    url, client = secrets
    service = start_backend(SECRET_MANAGER_ENDPOINT=url, FEATURE_FLAGS_REFERENCE=f"{SECRET}/versions/1")
    user = new_user(service)

    def optimizes() -> bool:
        return bool(user.optimize(corpus(1)[0]).json()["optimization_applied"])

    assert optimizes()
    roll_back(client, 2)
    until(lambda: not optimizes(), "the rollback's flags")


@pytest.mark.asyncio
@pytest.mark.parametrize(("mounted", "on"), [(1, False), (2, True), (3, True)])
async def test_who_mounts_as_new_a_version_does_not_follow(
    secrets: tuple[str, Any], mounted: int, on: bool
) -> None:
    url, client = secrets
    roll_back(client, 2)
    flags = FeatureFlags({"token_optimization": "true"}, f"{SECRET}/versions/{mounted}", url)
    await flags.look()
    assert flags.on("token_optimization") is on


@pytest.mark.asyncio
async def test_an_unreadable_alias_changes_nothing(secrets: tuple[str, Any]) -> None:
    url, _ = secrets
    for reference, endpoint in (
        ("", url),
        ("projects/test/secrets/none/versions/1", url),
        (f"{SECRET}/versions/1", "http://127.0.0.1:9"),
    ):
        flags = FeatureFlags({"token_optimization": "true"}, reference, endpoint)
        await flags.look()
        assert flags.on("token_optimization")
