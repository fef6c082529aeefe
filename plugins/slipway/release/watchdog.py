"""What has gone wrong with a release that nothing looks after: a lost run, traffic that came back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from slipway.exceptions import ServiceNotFound
from slipway.ledger.entries import (
    ServiceChangedAfterEnd,
    ServicesReleased,
    TeamNotified,
    TeamNotReached,
    TrafficRestoration,
)
from slipway.release.address import service_address

if TYPE_CHECKING:
    from slipway.hooks.cloud_run.hook import CloudRunTrafficHook
    from slipway.ledger.chain import Record
    from slipway.ledger.ledger import Release
    from slipway.ledger.listing import OpenRelease

#: For so long after an end its own task may be about to notify the team of it; an older one is no news.
CLOSING, NEWS = timedelta(minutes=10), timedelta(days=1)


def lost_reason(found: OpenRelease, *, run_is_active: bool, now: datetime) -> str | None:
    """Return why nothing carries an open release out any more, None when its run does.

    :param found: an open release.
    :param run_is_active: whether its run is queued or running.
    :param now: the moment, in UTC.
    """
    if not run_is_active:
        return f"its run {found.run_id} is gone or has ended, and the release is still open"
    if found.locked_until is None or found.locked_until <= now:
        until = "" if found.locked_until is None else f" at {found.locked_until:%Y-%m-%d %H:%M:%S} UTC"
        return f"its run {found.run_id} is stuck: the lock of its services ran out{until}"
    return None


def is_unannounced(release: Release, record: Record, event: str, *, now: datetime) -> bool:
    """Tell whether nobody has tried to notify the team of how a release ended, and nobody will.

    :param release: a release that has ended.
    :param record: everything on record of it.
    :param event: name of the message.
    :param now: the moment, in UTC.
    """
    tried = {one.event for one in record.of_kind(TeamNotified)}
    tried |= {one.event for one in record.of_kind(TeamNotReached)}
    if release.closed_at is None or release.policy.notified_via is None or event in tried:
        return False
    return CLOSING <= now - release.closed_at <= NEWS


def final_split(record: Record, service: str) -> Mapping[str, int] | None:
    """Return the split that a release, or a rollback of it, left a service with; None when none is on record.

    :param record: everything on record of the release.
    :param service: name of the production service.
    """
    for entry in reversed(record):
        content = entry.content
        if isinstance(content, TrafficRestoration) and service in content.changes:
            return content.changes[service].after
        if isinstance(content, ServicesReleased) and service in content.services:
            # An earlier version of Slipway kept no split.
            return content.services[service].split or None
    return None


def changed_services(
    release: Release, record: Record, hook: CloudRunTrafficHook
) -> Iterator[ServiceChangedAfterEnd]:
    """Yield the services that serve another split than the one that the release ended with.

    A service that a release of another deployment has locked is that release's.

    :param release: a release that has ended.
    :param record: everything on record of it.
    :param hook: the door to Cloud Run.
    :return: what serves; ``restored`` says whether the policy orders it.
    """
    from slipway.hooks.cloud_run.hook import foreign_lease, serving_split, state_of
    from slipway.hooks.cloud_run.state import by_whom

    restores = (
        release.outcome == "rolled_back" and release.policy.watchdog.on_traffic_after_rollback == "restore"
    )
    for service in release.plan.services.values():
        name, own = service.names["production"], service.revisions["production"]
        recorded = final_split(record, name)
        if recorded is None:
            continue
        try:
            live = hook.get_service(service_address(release.policy, name))
        except ServiceNotFound:
            continue
        serving = serving_split(live)
        if serving == dict(recorded) or foreign_lease(live, release.release_id) is not None:
            continue
        yield ServiceChangedAfterEnd(
            service=name,
            generation=live.generation,
            recorded=recorded,
            serving=serving,
            author=by_whom(state_of(live)),
            restored=restores and own in serving and bool(release.stable[name]),
        )
