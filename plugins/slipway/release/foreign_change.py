"""A change by somebody else while a phase bakes: finding it, and settling it as a person decides."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from slipway.exceptions import ServiceNotFound, TrafficDrift
from slipway.ledger.entries import ChangeSettled, ServiceState
from slipway.release.address import service_address
from slipway.release.drift import last_state, unchanged_service

if TYPE_CHECKING:
    from slipway.hooks.cloud_run.hook import CloudRunTrafficHook, Lease
    from slipway.ledger.bakes import Bake
    from slipway.ledger.chain import Record
    from slipway.ledger.ledger import Release

Action = Literal["adopt", "restore"]


def find_change(release: Release, record: Record, hook: CloudRunTrafficHook) -> str | None:
    """Return what somebody else changed at a production service, with author and moment; None for nothing.

    :param release: a release that is open, and moves no traffic now.
    :param record: everything on record of it.
    :param hook: the door to Cloud Run.
    :return: the first change in one line, or None.
    :raises CloudRunError: when Cloud Run gives no usable answer.
    """
    for service in release.plan.services.values():
        name = service.names["production"]
        try:
            unchanged_service(release, service, record)(
                hook.get_service(service_address(release.policy, name))
            )
        except TrafficDrift as drift:
            return str(drift)
        except ServiceNotFound:
            return f"service {name}: does not exist any more; find out who deleted it"
    return None


def serves_new_revision(release: Release, hook: CloudRunTrafficHook) -> bool:
    """Return whether the new revision of the progressive service has traffic: else there is no evidence.

    :param release: the release.
    :param hook: the door to Cloud Run.
    """
    from slipway.hooks.cloud_run.hook import serving_split

    service = release.plan.progressive
    live = hook.get_service(service_address(release.policy, service.names["production"]))
    return service.revisions["production"] in serving_split(live)


def settle_change(
    release: Release, record: Record, bake: Bake, hook: CloudRunTrafficHook, *, action: Action, lease: Lease
) -> ChangeSettled:
    """Adopt what somebody else changed, or restore the split that the release left.

    Done again it does nothing. A revision that was deployed without traffic stays either way: no later one is
    built on it.

    :param release: a release that is open.
    :param record: everything on record of it.
    :param bake: the bake that the change ended.
    :param hook: the door to Cloud Run.
    :param action: ``adopt`` or ``restore``.
    :param lease: the release's right to change its services.
    :return: the services as they are now: what later checks compare with.
    :raises ReleaseConflict: when another release has locked a service, or it changes at this very moment.
    :raises CloudRunError: when Cloud Run refuses, or gives no usable answer.
    """
    from slipway.hooks.cloud_run.hook import state_of

    states = {}
    for service in release.plan.services.values():
        name = service.names["production"]
        address, recorded = service_address(release.policy, name), last_state(record, name)
        live = hook.get_service(address)
        state = state_of(live)
        if action == "restore":
            split = dict(release.stable[name] if recorded is None else recorded["traffic"])
            timeout = release.policy.traffic_timeout_seconds
            state = dict(
                hook.set_traffic(address, split=split, etag=live.etag, lease=lease, timeout=timeout).state
            )
        states[name] = ServiceState.model_validate(state)
    return ChangeSettled(phase=bake.phase, round=bake.number, action=action, states=states)
