"""Ending a release: what serves is read first, and the services are let go of on that very state."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from slipway.exceptions import ReleaseConflict, ServiceNotFound, TrafficDrift
from slipway.ledger.entries import ServiceReleased
from slipway.release.address import service_address

if TYPE_CHECKING:
    from google.cloud import run_v2

    from slipway.hooks.cloud_run.hook import CloudRunTrafficHook
    from slipway.ledger.ledger import Release
    from slipway.ledger.plan import PlannedService


def require_promoted_splits(release: Release, hook: CloudRunTrafficHook) -> None:
    """Refuse to call a release promoted while one of its services serves anything but its new revision.

    :param release: a release whose phases were all promoted.
    :param hook: the door to Cloud Run.
    :raises TrafficDrift: naming the service, its split and who set it.
    """
    from slipway.hooks.cloud_run.hook import serving_split, state_of
    from slipway.hooks.cloud_run.state import by_whom

    for service in release.plan.services.values():
        name, own = service.names["production"], service.revisions["production"]
        live = hook.get_service(service_address(release.policy, name))
        if serving_split(live) != {own: 100}:
            raise TrafficDrift(
                name,
                f"serves {serving_split(live)}, not {own} alone, set by {by_whom(state_of(live))};"
                " the release is not promoted",
            )


def leave_services(
    release: Release, hook: CloudRunTrafficHook, *, may_serve: bool
) -> dict[str, ServiceReleased]:
    """Take the release's tag and lease off its production services, so that they cost nothing any more.

    A tagged revision keeps its minimum of instances although it serves nobody. The traffic stays as it is:
    where a release that was not promoted still serves, nothing is taken off. Done again it does nothing.

    :param release: a release that has ended, or is about to be closed as rolled back.
    :param hook: the door to Cloud Run.
    :param may_serve: whether the release may go on serving: it was promoted, and is not rolled back.
    :return: per service the split that serves, the tags that are left, and whether a lease was freed.
    :raises ReleaseConflict: when a release that was not promoted still has traffic.
    """
    return {
        service.names["production"]: _leave(release, service, hook, may_serve=may_serve)
        for service in release.plan.services.values()
    }


def _leave(
    release: Release, service: PlannedService, hook: CloudRunTrafficHook, *, may_serve: bool
) -> ServiceReleased:
    from slipway.hooks.cloud_run.hook import foreign_lease, serving_split, tags_of

    production, name = release.policy.environments["production"], service.names["production"]
    address = service_address(release.policy, name)
    timeout = release.policy.traffic_timeout_seconds
    # Without an earlier revision there is nothing else that could serve.
    require = _safe_to_leave(release, service, may_serve=may_serve or not release.stable[name])
    try:
        live = hook.get_service(address)
    except ServiceNotFound:
        return ServiceReleased(note="the service does not exist")
    if foreign_lease(live, release.release_id) is not None:
        return ServiceReleased(note="another release has locked it")
    require(live)
    tags, split = tags_of(live), serving_split(live)
    if tags.get(production.tag) == service.revisions["production"]:
        hook.set_traffic(address, split=split, drop_tags=[production.tag], etag=live.etag, timeout=timeout)
        tags.pop(production.tag)
    freed = hook.free_lease(address, release.release_id, timeout=timeout, require=require)
    return ServiceReleased(split=split, tags=tags, lease_freed=freed)


def _safe_to_leave(
    release: Release, service: PlannedService, *, may_serve: bool
) -> Callable[[run_v2.Service], None]:
    """Return a check of a service as it is read: a release that was not promoted must not serve."""
    name, own = service.names["production"], service.revisions["production"]

    def require(live: run_v2.Service) -> None:
        from slipway.hooks.cloud_run.hook import serving_split, state_of
        from slipway.hooks.cloud_run.state import by_whom

        split = serving_split(live)
        if own in split and not may_serve:
            raise ReleaseConflict(
                f"service {name}: serves {split} although release {release.release_id} is rolled back, set by"
                f" {by_whom(state_of(live))}; its lock stays until the traffic is restored"
            )

    return require
