"""Where the services of a release are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from slipway.hooks.cloud_run.address import ServiceAddress

if TYPE_CHECKING:
    from slipway.policy.release import EnvironmentName, Policy


def service_address(
    policy: Policy, service: str, environment: EnvironmentName = "production", *, region: str | None = None
) -> ServiceAddress:
    """Return the address of a service.

    :param policy: says where the environment is.
    :param service: short name of the Cloud Run service, as in ``PlannedService.names``.
    :param environment: ``staging`` or ``production``.
    :param region: where it is; None for the region that the release works in.
    """
    place = policy.environments[environment]
    return ServiceAddress(place.project_id, region or place.location, service)
