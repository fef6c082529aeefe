"""Load balancer hook: global backend services and their endpoint groups, read only."""

from __future__ import annotations

import re
from dataclasses import dataclass

from airflow.providers.google.common.hooks.base_google import GoogleBaseHook
from google.api_core import exceptions as google_errors
from google.cloud import compute_v1

from slipway.exceptions import LoadBalancerUnreadable
from slipway.hooks.google.calls import bounded, reported_as
from slipway.hooks.google.endpoint import GoogleEndpointMixin

_GROUP = re.compile(r"projects/([^/]+)/regions/([^/]+)/networkEndpointGroups/([^/]+)$")


@dataclass(frozen=True)
class GroupAddress:
    """Where a regional network endpoint group is.

    :param project_id: Google Cloud project.
    :param region: its region.
    :param name: short name.
    """

    project_id: str
    region: str
    name: str


@dataclass(frozen=True)
class BackendService:
    """A global backend service.

    :param scheme: ``EXTERNAL_MANAGED`` for a global external Application Load Balancer.
    :param groups: its regional network endpoint groups.
    :param others: URLs of its backends that are something else.
    """

    scheme: str
    groups: tuple[GroupAddress, ...]
    others: tuple[str, ...]


@dataclass(frozen=True)
class EndpointGroup:
    """A network endpoint group.

    :param kind: ``SERVERLESS`` for one that leads to Cloud Run.
    :param service: the Cloud Run service that it leads to; empty for none, and where a URL mask decides.
    :param tag: the traffic tag that it leads to, past the service's split; empty for none.
    """

    kind: str
    service: str
    tag: str


class LoadBalancerHook(GoogleEndpointMixin, GoogleBaseHook):
    """Reads global backend services and the serverless network endpoint groups behind them.

    :param gcp_conn_id: Airflow connection; its extra ``api_endpoints.compute`` may name another address.
    :param impersonation_chain: service accounts to impersonate, as in ``GoogleBaseHook``.
    """

    endpoint_name = "compute"

    def backend_service(self, *, project_id: str, name: str) -> BackendService | None:
        """Read a global backend service, None when there is none.

        :param project_id: Google Cloud project.
        :param name: short name.
        :raises LoadBalancerUnreadable: when Compute Engine refuses, or gives no usable answer.
        """
        with reported_as(LoadBalancerUnreadable, f"backend service {name} ({project_id}): cannot be read"):
            try:
                found = self.api_client(compute_v1.BackendServicesClient).get(
                    project=project_id, backend_service=name, **bounded()
                )
            except google_errors.NotFound:
                return None
        urls = [backend.group for backend in found.backends]
        matches = {url: _GROUP.search(url) for url in urls}
        return BackendService(
            scheme=found.load_balancing_scheme,
            groups=tuple(GroupAddress(*match.groups()) for match in matches.values() if match),
            others=tuple(url for url, match in matches.items() if match is None),
        )

    def endpoint_group(self, address: GroupAddress) -> EndpointGroup | None:
        """Read a regional network endpoint group, None when there is none.

        :param address: where it is.
        :raises LoadBalancerUnreadable: when Compute Engine refuses, or gives no usable answer.
        """
        with reported_as(
            LoadBalancerUnreadable,
            f"endpoint group {address.name} ({address.region}): cannot be read",
        ):
            try:
                found = self.api_client(compute_v1.RegionNetworkEndpointGroupsClient).get(
                    project=address.project_id,
                    region=address.region,
                    network_endpoint_group=address.name,
                    **bounded(),
                )
            except google_errors.NotFound:
                return None
        return EndpointGroup(found.network_endpoint_type, found.cloud_run.service, found.cloud_run.tag)
