"""Whether the load balancer in front leads to the services that are released, in every region."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import closing
from typing import TYPE_CHECKING

from slipway.exceptions import LoadBalancerMisconfigured
from slipway.policy.release import Policy

if TYPE_CHECKING:
    from slipway.hooks.load_balancer import GroupAddress, LoadBalancerHook

log = logging.getLogger(__name__)

SCHEME = "EXTERNAL_MANAGED"
SERVERLESS = "SERVERLESS"


def unfit(policy: Policy, hook: LoadBalancerHook) -> list[str]:
    """Return what is wrong with the policy's backend services, each with the way forward.

    :param policy: names the backend services, the regions and the services.
    :param hook: the door to the load balancer.
    :raises LoadBalancerUnreadable: when it cannot be read.
    """
    backends: Mapping[str, str] = policy.load_balancer.backend_services if policy.load_balancer else {}
    return [
        finding for key, backend in backends.items() for finding in unfit_backend(policy, hook, key, backend)
    ]


def require_reachable(policy: Policy, gcp_conn_id: str) -> list[str]:
    """Check that every region's traffic reaches the services that are released; changes nothing.

    :param policy: names the backend services, the regions and the services.
    :param gcp_conn_id: connection to Google Cloud.
    :return: the backend services that were checked.
    :raises LoadBalancerMisconfigured: naming the backend service, the region, the network endpoint group,
        and the way forward.
    :raises LoadBalancerUnreadable: when Compute Engine refuses, or gives no usable answer.
    """
    from slipway.hooks.load_balancer import LoadBalancerHook

    if policy.load_balancer is None:
        return []
    with closing(LoadBalancerHook(gcp_conn_id=gcp_conn_id)) as hook:
        found = unfit(policy, hook)
    checked = list(policy.load_balancer.backend_services.values())
    log.info("Load balancer of %s: %s: %s", policy.name, ", ".join(checked), "; ".join(found) or "fit")
    if found:
        raise LoadBalancerMisconfigured("\n".join(found))
    return checked


def unfit_backend(policy: Policy, hook: LoadBalancerHook, key: str, backend: str) -> Iterator[str]:
    """Yield what is wrong with one backend service, each with the way forward.

    :param policy: names the regions and the services.
    :param hook: the door to the load balancer.
    :param key: key of the service that it must lead to.
    :param backend: name of the backend service.
    :raises LoadBalancerUnreadable: when it cannot be read.
    """
    project, service = policy.environments["production"].project_id, policy.services[key].names["production"]
    found = hook.backend_service(project_id=project, name=backend)
    where = f"backend service {backend}"
    if found is None:
        yield (
            f"{where}: there is none in project {project}; make it, or correct"
            f" load_balancer.backend_services.{key}"
        )
        return
    if found.scheme != SCHEME:
        yield f"{where}: is {found.scheme or 'without a scheme'}; it must be {SCHEME}"
    for other in found.others:
        yield f"{where}: {other} is no regional network endpoint group; take it out"
    for region in policy.regions:
        groups = [group for group in found.groups if group.region == region]
        if not groups:
            have = ", ".join(f"{group.name} in {group.region}" for group in found.groups) or "none at all"
            yield (
                f"{where}: region {region}: no serverless network endpoint group leads to {service} there"
                f" (it has {have}); add one, or take the region out of environments.production.regions"
            )
        for group in groups:
            yield from _wrong(hook, where, group, service)


def _wrong(hook: LoadBalancerHook, where: str, group: GroupAddress, service: str) -> Iterator[str]:
    found, what = hook.endpoint_group(group), f"{where}: region {group.region}: {group.name}"
    if found is None:
        yield f"{what}: there is no such network endpoint group; make it, or take it out"
    elif found.kind != SERVERLESS:
        yield f"{what}: is {found.kind or 'without a type'}; it must be {SERVERLESS}"
    elif found.service != service:
        yield f"{what}: leads to {found.service or 'no service by name'}; it must lead to {service}"
    elif found.tag:
        yield f"{what}: leads to the tag {found.tag}, past the split of {service}; take the tag off"
