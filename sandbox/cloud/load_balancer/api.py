"""Compute Engine's backend services and serverless network endpoint groups, to be read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from google.cloud import compute_v1
from google.cloud.compute_v1.services.backend_services.transports.rest_base import (
    _BaseBackendServicesRestTransport,
)
from google.cloud.compute_v1.services.region_network_endpoint_groups.transports.rest_base import (
    _BaseRegionNetworkEndpointGroupsRestTransport,
)
from starlette.routing import Route

from sandbox.cloud import transcoding
from sandbox.cloud.api_errors import NotFoundError
from sandbox.supervisor.settings import LOCATION

_API = "https://www.googleapis.com/compute/v1"
PROJECT = "sandbox-production"


@dataclass(frozen=True)
class Group:
    """A network endpoint group of one region.

    :param region: its region.
    :param name: short name.
    :param service: the Cloud Run service that it leads to.
    :param tag: the tag of it, if any.
    :param kind: its endpoints' type.
    """

    region: str
    name: str
    service: str
    tag: str = ""
    kind: str = "SERVERLESS"


@dataclass(frozen=True)
class Backend:
    """A global backend service.

    :param groups: the groups behind it; a :class:`Group` that exists, or the name of one that does not.
    """

    groups: tuple[Group, ...]
    missing: tuple[tuple[str, str], ...] = ()
    scheme: str = "EXTERNAL_MANAGED"
    project: str = field(default=PROJECT)


BACKENDS: Mapping[str, Backend] = {
    f"netra-{name}": Backend((Group(LOCATION, f"netra-{name}-{LOCATION}", f"netra-{name}-prod"),))
    for name in ("backend", "auth", "frontend")
}
"""What stands before the sandbox's services; no request goes through it."""


class LoadBalancers:
    """Answers the two reads that a release makes.

    :param backends: the backend services by name.
    """

    def __init__(self, backends: Mapping[str, Backend] = BACKENDS) -> None:
        self._backends = backends

    def routes(self) -> list[Route]:
        """Routes as the official clients address them."""
        return [
            *transcoding.routes(
                _BaseBackendServicesRestTransport,
                {"Get": (compute_v1.GetBackendServiceRequest, self._backend_service)},
            ),
            *transcoding.routes(
                _BaseRegionNetworkEndpointGroupsRestTransport,
                {"Get": (compute_v1.GetRegionNetworkEndpointGroupRequest, self._group)},
            ),
        ]

    def _backend_service(self, request: Any) -> compute_v1.BackendService:
        name, project = request.backend_service, request.project
        found = self._backends.get(name)
        link = f"projects/{project}/global/backendServices/{name}"
        if found is None or found.project != project:
            raise NotFoundError(f"The resource '{link}' was not found")
        addresses = [(group.region, group.name) for group in found.groups] + list(found.missing)
        return compute_v1.BackendService(
            kind="compute#backendService",
            name=name,
            self_link=f"{_API}/{link}",
            load_balancing_scheme=found.scheme,
            protocol="HTTPS",
            backends=[
                compute_v1.Backend(group=f"{_API}/{_group_link(project, *address)}") for address in addresses
            ],
        )

    def _group(self, request: Any) -> compute_v1.NetworkEndpointGroup:
        name, project, region = request.network_endpoint_group, request.project, request.region
        link = _group_link(project, region, name)
        for backend in self._backends.values():
            for group in backend.groups:
                if (backend.project, group.region, group.name) == (project, region, name):
                    return compute_v1.NetworkEndpointGroup(
                        kind="compute#networkEndpointGroup",
                        name=name,
                        self_link=f"{_API}/{link}",
                        region=f"{_API}/projects/{project}/regions/{region}",
                        network_endpoint_type=group.kind,
                        cloud_run=compute_v1.NetworkEndpointGroupCloudRun(
                            service=group.service, **({"tag": group.tag} if group.tag else {})
                        ),
                    )
        raise NotFoundError(f"The resource '{link}' was not found")


def _group_link(project: str, region: str, name: str) -> str:
    return f"projects/{project}/regions/{region}/networkEndpointGroups/{name}"
