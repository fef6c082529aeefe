"""Where the services of a release are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from slipway.hooks.cloud_run.address import ServiceAddress

if TYPE_CHECKING:
    from google.cloud import run_v2

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


def asked_url(policy: Policy, key: str, live: run_v2.Service) -> str:
    """Return the URL at which a production service is asked who answers.

    :param policy: may name another one than the service's own.
    :param key: the service's key in the policy.
    :param live: the service as read from the API.
    """
    elsewhere = policy.services[key].url
    return str(live.uri) if elsewhere is None else elsewhere.replace("$location", policy.region)


def identity_audience(policy: Policy, key: str, live: run_v2.Service) -> str:
    """Return the URL that an identity token for a production service is signed for.

    :param policy: may name a URL of the service besides its own.
    :param key: the service's key in the policy.
    :param live: the service as read from the API; without a URL when its default one is disabled.
    """
    return str(live.uri) or asked_url(policy, key, live)
