"""Reading a production service before a step changes it: it must be as this release left it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from slipway.exceptions import ReleaseConflict, ServiceNotFound
from slipway.ledger.timeline import is_being_undone
from slipway.release.address import service_address
from slipway.release.drift import unchanged_service

if TYPE_CHECKING:
    from collections.abc import Mapping

    from google.cloud import run_v2

    from slipway.hooks.cloud_run.hook import CloudRunTrafficHook, Lease
    from slipway.ledger.chain import Record
    from slipway.ledger.ledger import Ledger, Release
    from slipway.ledger.plan import PlannedService


def require_ongoing(release: Release, record: Record) -> None:
    """Make sure that a release may still change something.

    :param release: the release of this run, as the ledger has it now.
    :param record: everything on record of it.
    :raises ReleaseConflict: when it is closed, or its rollback has begun.
    """
    if release.outcome is not None or is_being_undone(record):
        raise ReleaseConflict(
            f"release {release.release_id}: {release.outcome or 'is being rolled back'}; it changes"
            " nothing any more"
        )


def read_untouched(
    release: Release,
    service: PlannedService,
    *,
    goal: Mapping[str, int],
    hook: CloudRunTrafficHook,
    ledger: Ledger,
    lease: Lease,
) -> run_v2.Service | None:
    """Read a production service that nobody else has changed.

    The lease in the ledger is renewed; the one on the service is with what the step writes.

    :param release: the release of this run.
    :param service: one of its services.
    :param goal: percent by revision that the step sets.
    :param hook: Cloud Run hook.
    :param ledger: the record.
    :param lease: the release's right to change its services.
    :return: the service; None when it does not exist yet.
    :raises TrafficDrift: when somebody else changed the service.
    :raises ReleaseConflict: when another release holds it, or this one is over.
    """
    from slipway.hooks.cloud_run.hook import foreign_lease
    from slipway.hooks.cloud_run.leases import held_by

    entries, name = ledger.entries(release.release_id), service.names["production"]
    require_ongoing(release, entries)
    try:
        live = hook.get_service(service_address(release.policy, name))
    except ServiceNotFound:
        return None
    held = foreign_lease(live, release.release_id)
    if held is not None:
        raise held_by(live, held)
    production = release.policy.environments["production"]
    ledger.leases.renew(release.release_id, [name], production=production, until=lease.until)
    unchanged_service(release, service, entries, goal=goal)(live)
    return live
