"""The whole system as it was before a release: every service, its image, configuration and secrets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from slipway.exceptions import ServiceNotFound, SlipwayError
from slipway.ledger.entries import ReleaseOpened, SplitChange, TargetRecord
from slipway.release.address import service_address
from slipway.release.rollback.target import read_target

if TYPE_CHECKING:
    from slipway.hooks.cloud_run.hook import CloudRunTrafficHook
    from slipway.hooks.secret_manager import SecretVersionHook
    from slipway.ledger.ledger import Ledger, Release

_EARLIER = 50


def promoted_revisions(release: Release, ledger: Ledger) -> dict[str, str]:
    """Return the revisions that were promoted last, of the services that a release has nothing to do with.

    :param release: the release to roll back; its own services go back to what its record says.
    :param ledger: the record of the releases.
    :return: revision by production service; a service that no release on record promoted is left out.
    """
    policy, found = release.policy, dict[str, str]()
    others = set(policy.services) - set(release.plan.services)
    for line in ledger.listing.releases(limit=_EARLIER) if others else ():
        if line.outcome != "promoted" or line.region != policy.region or line.opened_at > release.opened_at:
            continue
        earlier = ledger.release(line.release_id)
        if earlier.policy.name != policy.name:
            continue
        for key in others & set(earlier.plan.services):
            service = earlier.plan.services[key]
            found.setdefault(service.names["production"], service.revisions["production"])
    return found


def restore_others(release: Release, hook: CloudRunTrafficHook, ledger: Ledger) -> dict[str, SplitChange]:
    """Return the services beside a release to the revisions that were promoted last.

    A service that another release has locked is that release's; one that serves as it should is left alone.

    :param release: the release that is rolled back.
    :param hook: the door to Cloud Run.
    :param ledger: the record of the releases.
    :return: the change by service.
    :raises CloudRunError: when a service cannot be read or changed.
    """
    from slipway.hooks.cloud_run.hook import foreign_lease, serving_split

    changes = {}
    for name, revision in promoted_revisions(release, ledger).items():
        address, goal = service_address(release.policy, name), {revision: 100}
        try:
            live = hook.get_service(address)
        except ServiceNotFound:
            changes[name] = SplitChange(before={}, after={}, changed=False, note="the service is gone")
            continue
        serving, held = serving_split(live), foreign_lease(live, release.release_id)
        if held is not None:
            changes[name] = SplitChange(
                before=serving, after=serving, changed=False, note=f"left alone: {held} holds it"
            )
            continue
        seconds = release.policy.rollback_deadlines.traffic_seconds
        moved = hook.set_traffic(address, split=goal, etag=live.etag, timeout=seconds)
        changes[name] = SplitChange(before=moved.before, after=moved.after, changed=moved.changed)
    return changes


def read_whole(
    release: Release, hook: CloudRunTrafficHook, secrets: SecretVersionHook, names: Mapping[str, SplitChange]
) -> tuple[dict[str, TargetRecord], list[str]]:
    """Read what serves every service, with its image, its configuration and its secrets.

    :param release: the release that is rolled back.
    :param hook: the door to Cloud Run.
    :param secrets: the door to Secret Manager.
    :param names: the services beside the release's own.
    :return: what serves, by service, and what is not as it was, a line each.
    """
    found, wrong = dict[str, TargetRecord](), list[str]()
    for name in [*release.stable, *names]:
        address = service_address(release.policy, name)
        try:
            found[name] = read_target(hook, secrets, address, release=release.release_id).as_record()
        except SlipwayError as error:
            wrong.append(str(error))
            continue
        wrong += found[name].findings
    return found, wrong


def differences(opened: ReleaseOpened | None, found: Mapping[str, TargetRecord]) -> Iterator[str]:
    """Yield what is not as it was when the release began.

    :param opened: the entry that opened it, with its rollback targets.
    :param found: what serves now, by service.
    """
    for name, was in ({} if opened is None else opened.targets).items():
        now = found.get(name)
        if now is None or was.revision is None:
            continue
        for what in ("revision", "digest", "mounted"):
            before, after = getattr(was, what), getattr(now, what)
            if before is not None and _plain(before) != _plain(after):
                yield f"{name}: {what} is {_plain(after)}, was {_plain(before)}"


def _plain(value: object) -> object:
    """Return a mapping as a plain one, so that two are compared by their content."""
    return dict(value) if isinstance(value, Mapping) else value
