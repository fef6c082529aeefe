"""The safe direction: all traffic back to what served when the release began."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from slipway.exceptions import CloudRunTimeout, ServiceNotFound, SlipwayError, TrafficNotSettled
from slipway.ledger.entries import SplitChange, TrafficRestored
from slipway.ledger.timeline import rollback_reason
from slipway.release.address import service_address
from slipway.release.drift import own_splits
from slipway.release.rollback.schema_guard import require_readable_targets

if TYPE_CHECKING:
    from slipway.hooks.cloud_run.hook import CloudRunTrafficHook, ServiceAddress
    from slipway.ledger.ledger import Ledger, Release
    from slipway.ledger.operations import LedgerOperations
    from slipway.ledger.plan import PlannedService
    from slipway.release.rollback.schema_guard import Entries


@dataclass(frozen=True)
class RollbackStep:
    """The way back of one service, before it is gone.

    :param address: where the service is.
    :param own: the release's revision.
    :param stable: the split to restore.
    :param serving: who has traffic now.
    :param left: what is on record when the traffic is left as it is.
    :param note: what is out of the ordinary.
    """

    address: ServiceAddress
    own: str
    stable: Mapping[str, int]
    serving: Mapping[str, int]
    left: SplitChange | None = None
    note: str | None = None

    @property
    def moves(self) -> bool:
        """Whether traffic has to move."""
        return self.left is None and dict(self.serving) != dict(self.stable)

    @property
    def planned(self) -> SplitChange:
        """The change that the rollback makes."""
        if self.left is not None:
            return self.left
        return SplitChange(before=self.serving, after=self.stable, changed=self.moves, note=self.note)


def rollback_steps(release: Release, hook: CloudRunTrafficHook) -> dict[str, RollbackStep]:
    """Return by production service what a rollback does to its traffic; changes nothing.

    :param release: the release to undo.
    :param hook: the door to Cloud Run.
    :raises ServiceNotFound: when a service that served when the release began is gone.
    :raises CloudRunError: when Cloud Run gives no usable answer.
    """
    services = {service.names["production"]: service for service in release.plan.services.values()}
    return {name: _look(release, services[name], hook) for name in release.stable}


def restore_stable_traffic(
    release: Release,
    hook: CloudRunTrafficHook,
    entries: Entries,
    operations: LedgerOperations | None = None,
    *,
    seconds: float | None = None,
) -> dict[str, SplitChange]:
    """Restore the recorded split of every production service; where it already serves, nothing is done.

    The safe direction is that nothing of the release serves. So a split that somebody else set is overwritten
    while the release's revision has a share of it, and left alone when it has none; either is on record with
    its author. A service that another release has locked is that release's.

    :param release: the release to undo.
    :param hook: the door to Cloud Run.
    :param entries: the record of the releases.
    :param operations: where the names of the operations are kept, so that another try waits for the same
        ones; None for who has no other try and must not need the ledger: the brake, the command line.
    :param seconds: bound of the wait for all services; None for the policy's deadline for each.
    :return: per service the change, with what is out of the ordinary in its ``note``.
    :raises SchemaContractBroken: when traffic would move to a version that cannot run on the present schema;
        none was moved.
    :raises TrafficNotSettled: when every split was written, and some do not show in time.
    :raises SlipwayError: when a service's traffic could not be moved, after every other one was tried.
    """
    steps = rollback_steps(release, hook)
    return dict(restore_each(release, steps, hook, entries, operations, seconds=seconds))


def restore_each(
    release: Release,
    steps: Mapping[str, RollbackStep],
    hook: CloudRunTrafficHook,
    entries: Entries,
    operations: LedgerOperations | None = None,
    *,
    seconds: float | None = None,
) -> Iterator[tuple[str, SplitChange]]:
    """Take the steps of a rollback, as :func:`restore_stable_traffic`; yield each service with its change.

    A service that fails keeps no other one from going back.

    :param release: the release to undo.
    :param steps: what :func:`rollback_steps` found.
    :param hook: the door to Cloud Run.
    :param entries: the record of the releases.
    :param operations: where the names of the operations are kept, if anywhere.
    :param seconds: bound of the wait for all services; None for the policy's deadline for each.
    """
    moving = [name for name, step in steps.items() if step.moves]
    unchecked = require_readable_targets(release, moving, entries)
    each = release.policy.rollback_deadlines.traffic_seconds
    if seconds is not None:
        each = min(each, seconds / max(1, len(moving)))
    failures: dict[str, SlipwayError] = {}
    for name, step in steps.items():
        try:
            yield name, _go(release, step, hook, operations, unchecked.get(name), seconds=each)
        except SlipwayError as failure:
            failures[name] = failure
    if failures and all(isinstance(failure, CloudRunTimeout) for failure in failures.values()):
        raise _not_settled(failures, steps, unchecked)
    if failures:
        first, *others = failures.values()
        for other in others:
            first.add_note(str(other))
        raise first


def _not_settled(
    failures: Mapping[str, SlipwayError], steps: Mapping[str, RollbackStep], unchecked: Mapping[str, str]
) -> TrafficNotSettled:
    """Return the error of splits that were written and do not show, with what waits for them needs."""
    changes = {
        name: step.planned.model_copy(update={"note": _note(step, unchecked.get(name))})
        for name, step in steps.items()
        if step.left is None
    }
    return TrafficNotSettled(
        "; ".join(map(str, failures.values())),
        [{**steps[name].address.as_payload(), "split": dict(steps[name].stable)} for name in failures],
        {name: change.model_dump(exclude_none=True) for name, change in changes.items()},
    )


def restored_entry(release_id: str, ledger: Ledger, changes: Mapping[str, SplitChange]) -> TrafficRestored:
    """Return the entry of a rollback's traffic: a further one only when it had something to move.

    :param release_id: the release.
    :param ledger: the record of the releases.
    :param changes: by service, the change.
    """
    record = ledger.entries(release_id)
    rounds = [found.round for found in record.of_kind(TrafficRestored)]
    moved = any(change.changed for change in changes.values())
    number = max(rounds) + 1 if rounds and moved else 1
    return TrafficRestored(reason=rollback_reason(record), changes=changes, round=number)


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
        return RollbackStep(address, own, stable, {}, _left({}, "first release: the service was never made"))
    serving = serving_split(live)
    held = foreign_lease(live, release.release_id)
    if held is not None:
        return RollbackStep(address, own, stable, serving, _left(serving, f"left alone: {held} holds it"))
    if not stable:
        note = (
            "first release: there is no earlier revision to give the traffic to, and a service cannot have"
            f" none; it stays on {', '.join(serving)}. Release a fix, or delete the service"
        )
        return RollbackStep(address, own, stable, serving, _left(serving, note))
    foreign = serving not in own_splits(release, service)
    if foreign and own not in serving:
        note = f"left alone: none of it is this release's; set by {by_whom(state_of(live))}"
        return RollbackStep(address, own, stable, serving, _left(serving, note))
    overwritten = f"overwritten: {serving}, set by {by_whom(state_of(live))}" if foreign else None
    return RollbackStep(address, own, stable, serving, note=overwritten)


def _go(
    release: Release,
    step: RollbackStep,
    hook: CloudRunTrafficHook,
    operations: LedgerOperations | None,
    unchecked: str | None,
    *,
    seconds: float,
) -> SplitChange:
    if step.left is not None:
        return step.left
    service = step.address.service
    change = hook.set_traffic(
        step.address,
        split=dict(step.stable),
        operation=None
        if operations is None
        else operations.of(release.release_id, TrafficRestored, service=service),
        timeout=seconds,
    )
    note = _note(step, unchecked)
    return SplitChange(before=change.before, after=change.after, changed=change.changed, note=note)


def _note(step: RollbackStep, unchecked: str | None) -> str | None:
    return "; ".join(note for note in (step.note, unchecked) if note) or None


def _left(split: Mapping[str, int], note: str) -> SplitChange:
    return SplitChange(before=split, after=split, changed=False, note=note)
