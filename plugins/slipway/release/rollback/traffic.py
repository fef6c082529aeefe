"""The safe direction: all traffic back to what served when the release began."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from slipway.exceptions import ServiceNotFound
from slipway.ledger.entries import ServiceReleased, SplitChange, TrafficRestored
from slipway.release.address import service_address
from slipway.release.drift import own_splits
from slipway.release.rollback.schema_guard import require_readable_targets

if TYPE_CHECKING:
    from slipway.hooks.cloud_run.hook import CloudRunTrafficHook, ServiceAddress
    from slipway.ledger.ledger import Ledger, Release
    from slipway.ledger.operations import LedgerOperations
    from slipway.ledger.plan import PlannedService


@dataclass(frozen=True)
class RollbackStep:
    """The way back of one service, before it is gone.

    :param address: where the service is.
    :param stable: the split to restore.
    :param serving: who has traffic now.
    :param left: what is on record when the traffic is left as it is.
    :param note: what is out of the ordinary.
    """

    address: ServiceAddress
    stable: Mapping[str, int]
    serving: Mapping[str, int]
    left: SplitChange | None = None
    note: str | None = None

    @property
    def moves(self) -> bool:
        """Whether traffic has to move."""
        return self.left is None and dict(self.serving) != dict(self.stable)


def restore_stable_traffic(
    release: Release,
    hook: CloudRunTrafficHook,
    ledger: Ledger,
    operations: LedgerOperations | None = None,
) -> dict[str, SplitChange]:
    """Restore the recorded split of every production service; where it already serves, nothing is done.

    The safe direction is that nothing of the release serves. So a split that somebody else set is overwritten
    while the release's revision has a share of it, and left alone when it has none; either is on record with
    its author. A service that another release has leased meanwhile is that release's.

    :param release: the release to undo.
    :param hook: the door to Cloud Run.
    :param ledger: the record of the releases.
    :param operations: where the names of the operations are kept, so that another try waits for the same
        ones; None for the brake, which has no other try and must not need the ledger.
    :return: per service the change, with what is out of the ordinary in its ``note``.
    :raises SchemaContractBroken: when traffic would move to a version that cannot run on the present schema;
        none was moved.
    """
    services = {service.names["production"]: service for service in release.plan.services.values()}
    ways = {name: _look(release, services[name], hook) for name in release.stable}
    unchecked = require_readable_targets(release, [name for name, way in ways.items() if way.moves], ledger)
    return {name: _go(release, way, hook, operations, unchecked.get(name)) for name, way in ways.items()}


def _look(release: Release, service: PlannedService, hook: CloudRunTrafficHook) -> RollbackStep:
    from slipway.hooks.cloud_run.hook import foreign_lease, serving_split, state_of
    from slipway.hooks.cloud_run.state import by_whom

    name = service.names["production"]
    address = service_address(release.policy, name)
    own, stable = service.revisions["production"], dict(release.stable[name])
    try:
        live = hook.get_service(address)
    except ServiceNotFound:
        if stable:
            raise
        return RollbackStep(address, stable, {}, _left({}, "first release: the service was never made"))
    serving = serving_split(live)
    held = foreign_lease(live, release.release_id)
    if held is not None:
        return RollbackStep(address, stable, serving, _left(serving, f"left alone: {held} holds it"))
    if not stable:
        note = (
            "first release: there is no earlier revision to give the traffic to, and a service cannot have"
            f" none; it stays on {', '.join(serving)}. Release a fix, or delete the service"
        )
        return RollbackStep(address, stable, serving, _left(serving, note))
    foreign = serving not in own_splits(release, service)
    if foreign and own not in serving:
        note = f"left alone: none of it is this release's; set by {by_whom(state_of(live))}"
        return RollbackStep(address, stable, serving, _left(serving, note))
    overwritten = f"overwritten: {serving}, set by {by_whom(state_of(live))}" if foreign else None
    return RollbackStep(address, stable, serving, note=overwritten)


def _go(
    release: Release,
    way: RollbackStep,
    hook: CloudRunTrafficHook,
    operations: LedgerOperations | None,
    unchecked: str | None,
) -> SplitChange:
    if way.left is not None:
        return way.left
    service = way.address.service
    change = hook.set_traffic(
        way.address,
        split=dict(way.stable),
        operation=None
        if operations is None
        else operations.of(release.release_id, TrafficRestored, service=service),
        timeout=release.policy.rollback_deadlines.traffic_seconds,
    )
    notes = "; ".join(note for note in (way.note, unchecked) if note)
    return SplitChange(before=change.before, after=change.after, changed=change.changed, note=notes or None)


def _left(split: Mapping[str, int], note: str) -> SplitChange:
    return SplitChange(before=split, after=split, changed=False, note=note)


def leave_services(release: Release, hook: CloudRunTrafficHook) -> dict[str, ServiceReleased]:
    """Take the release's tag and lease off its production services, so that they cost nothing any more.

    A tagged revision keeps its minimum of instances although it serves nobody. The traffic stays as it is.
    Done again it does nothing.

    :param release: a release that has ended.
    :param hook: the door to Cloud Run.
    :return: per service the tags that are left, and whether a lease was freed.
    """
    return {
        service.names["production"]: _leave(release, service, hook)
        for service in release.plan.services.values()
    }


def _leave(release: Release, service: PlannedService, hook: CloudRunTrafficHook) -> ServiceReleased:
    from slipway.hooks.cloud_run.hook import foreign_lease, serving_split, tags_of

    production, name = release.policy.environments["production"], service.names["production"]
    address = service_address(release.policy, name)
    timeout = release.policy.traffic_timeout_seconds
    try:
        live = hook.get_service(address)
    except ServiceNotFound:
        return ServiceReleased(note="the service does not exist")
    if foreign_lease(live, release.release_id) is not None:
        return ServiceReleased(note="another release has locked it")
    tags, split = tags_of(live), serving_split(live)
    if tags.get(production.tag) == service.revisions["production"]:
        hook.set_traffic(address, split=split, drop_tags=[production.tag], etag=live.etag, timeout=timeout)
        tags.pop(production.tag)
    freed = hook.free_lease(address, release.release_id, timeout=timeout)
    return ServiceReleased(tags=tags, lease_freed=freed)
