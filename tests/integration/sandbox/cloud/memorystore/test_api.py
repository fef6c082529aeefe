"""Redis instances, read by the official client."""

from __future__ import annotations

import pytest
from google.api_core import exceptions
from google.auth.credentials import AnonymousCredentials
from google.cloud import redis_v1

from sandbox.cloud.memorystore.api import PROJECT, Memorystore
from sandbox.supervisor.settings import HOST, LOCATION
from tests.integration.sandbox.cloud.served import served

pytestmark = pytest.mark.sandbox


@pytest.mark.conformance("CloudRedisClient.get_instance")
def test_an_instance_has_its_tier_state_and_replicas() -> None:
    with (
        served(Memorystore(6380).routes()) as url,
        redis_v1.CloudRedisClient(
            credentials=AnonymousCredentials(), client_options={"api_endpoint": url}, transport="rest"
        ) as client,
    ):
        parent = f"projects/{PROJECT}/locations/{LOCATION}/instances"
        found = client.get_instance(name=f"{parent}/netra-production-redis")
        assert (found.tier.name, found.state.name, found.replica_count) == ("STANDARD_HA", "READY", 1)
        assert (found.host, found.port) == (HOST, 6380)
        with pytest.raises(exceptions.NotFound, match="absent"):
            client.get_instance(name=f"{parent}/absent")
