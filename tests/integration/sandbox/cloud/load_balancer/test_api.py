"""Backend services and serverless network endpoint groups, read by the official clients."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from google.api_core import exceptions
from google.auth.credentials import AnonymousCredentials
from google.cloud import compute_v1

from sandbox.cloud.load_balancer.api import PROJECT, LoadBalancers
from sandbox.supervisor.settings import LOCATION
from tests.integration.sandbox.cloud.served import served

pytestmark = pytest.mark.sandbox


@pytest.fixture
def url() -> Iterator[str]:
    with served(LoadBalancers().routes()) as base:
        yield base


def backend_services(url: str) -> compute_v1.BackendServicesClient:
    return compute_v1.BackendServicesClient(
        credentials=AnonymousCredentials(),
        client_options={"api_endpoint": url},
    )


def groups(url: str) -> compute_v1.RegionNetworkEndpointGroupsClient:
    return compute_v1.RegionNetworkEndpointGroupsClient(
        credentials=AnonymousCredentials(),
        client_options={"api_endpoint": url},
    )


@pytest.mark.conformance("BackendServicesClient.get")
def test_a_backend_service_names_its_groups_by_url(url: str) -> None:
    with backend_services(url) as client:
        found = client.get(project=PROJECT, backend_service="netra-backend")
        assert found.load_balancing_scheme == "EXTERNAL_MANAGED"
        (backend,) = found.backends
        assert backend.group == (
            f"https://www.googleapis.com/compute/v1/projects/{PROJECT}/regions/{LOCATION}"
            f"/networkEndpointGroups/netra-backend-{LOCATION}"
        )
        with pytest.raises(exceptions.NotFound, match="netra-nothing"):
            client.get(project=PROJECT, backend_service="netra-nothing")
        with pytest.raises(exceptions.NotFound):
            client.get(project="sandbox-staging", backend_service="netra-backend")


@pytest.mark.conformance("RegionNetworkEndpointGroupsClient.get")
def test_a_group_leads_to_a_cloud_run_service(url: str) -> None:
    name = f"netra-backend-{LOCATION}"
    with groups(url) as client:
        found = client.get(project=PROJECT, region=LOCATION, network_endpoint_group=name)
        assert (found.network_endpoint_type, found.cloud_run.service) == ("SERVERLESS", "netra-backend-prod")
        assert not found.cloud_run.tag
        with pytest.raises(exceptions.NotFound, match=f"regions/europe-west1/networkEndpointGroups/{name}"):
            client.get(project=PROJECT, region="europe-west1", network_endpoint_group=name)
