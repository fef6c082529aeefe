"""Holding a release's services: in the ledger, and on each service for every other deployment to see."""

from __future__ import annotations

from typing import TYPE_CHECKING

from slipway.exceptions import ServiceNotFound
from slipway.release.address import service_address
from slipway.release.drift import unchanged_service

if TYPE_CHECKING:
    from slipway.hooks.cloud_run.hook import CloudRunTrafficHook, Lease
    from slipway.ledger.ledger import Ledger, Release


def hold_services(
    release: Release, ledger: Ledger, hook: CloudRunTrafficHook, lease: Lease
) -> dict[str, str]:
    """Hold every production service of a release until its lease's end; done again it only moves the end.

    A service that does not exist yet is held in the ledger alone: its first deployment writes the lease on
    it. One that somebody else changed is not written to: its author and moment stay to be seen.

    :param release: a release that is open.
    :param ledger: the record, with the leases of this deployment's releases.
    :param hook: the door to Cloud Run.
    :param lease: the release's right to change its services.
    :return: per service the lease of another deployment's release that had run out and was taken over.
    :raises ReleaseConflict: when another release holds one of the services.
    :raises TrafficDrift: when somebody else changed one of them.
    """
    record = ledger.entries(release.release_id)
    services = {service.names["production"]: service for service in release.plan.services.values()}
    production = release.policy.environments["production"]
    ledger.leases.renew(release.release_id, release.stable, production=production, until=lease.until)
    taken_over = {}
    for name in sorted(release.stable):
        address = service_address(release.policy, name)
        try:
            replaced = hook.take_lease(
                address,
                lease,
                timeout=release.policy.traffic_timeout_seconds,
                require=unchanged_service(release, services[name], record),
            )
        except ServiceNotFound:
            if release.stable[name]:
                raise
            continue
        if replaced is not None:
            taken_over[name] = str(replaced)
    return taken_over
