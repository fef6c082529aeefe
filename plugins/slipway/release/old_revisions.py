"""Which revisions of ended releases nobody needs any more, by the record and by what Cloud Run serves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from slipway.exceptions import ReleaseConflict, ServiceNotFound
from slipway.ledger.entries import RevisionDeleted
from slipway.release.address import service_address
from slipway.release.retention import past_releases

if TYPE_CHECKING:
    from google.cloud import run_v2

    from slipway.hooks.cloud_run.hook import CloudRunTrafficHook, ServiceAddress
    from slipway.ledger.ledger import Ledger, Release


@dataclass(frozen=True)
class OldRevision:
    """A revision that no release needs any more; whether it serves, Cloud Run must say.

    :param address: where its service is.
    :param kept: the newest so many of the service are kept.
    """

    release: Release
    address: ServiceAddress
    kept: int
    deletion: RevisionDeleted

    @property
    def tag(self) -> str:
        """The tag that its release gave it."""
        return self.release.policy.environments[self.deletion.environment].tag


def old_revisions(ledger: Ledger, now: datetime) -> Iterator[OldRevision]:
    """Yield the revisions that the policies of their releases no longer keep, the newest first.

    Never one of a service that an open release is about, nor one that somebody may need: of a release that
    may be rolled back, its own and those that its traffic would go back to.

    :param ledger: the record of the releases.
    :param now: the moment that their ages are reckoned to.
    """
    targets = set[str]()
    busy = {
        address
        for found in ledger.listing.open_releases()
        for address, _ in _revisions(ledger.release(found.release_id))
    }
    # What a release goes back to is older than it, and comes after it here.
    for past in past_releases(ledger, now):
        if not past.days:
            targets.update(name for split in past.release.stable.values() for name in split)
        days = past.rules.revision_days
        for address, deletion in _revisions(past.release, past.days, days or 0):
            is_deleted = past.record.get(
                RevisionDeleted, environment=deletion.environment, service=address.service
            )
            if days is None or past.days < days or is_deleted is not None:
                continue
            if address not in busy and deletion.revision not in targets:
                yield OldRevision(past.release, address, past.rules.kept_revisions, deletion)


class ServedRevisions:
    """What Cloud Run says of old revisions: the services as they are now, their revisions as they were once.

    :param hook: the door to Cloud Run.
    """

    def __init__(self, hook: CloudRunTrafficHook) -> None:
        self._hook = hook
        self._etags: dict[ServiceAddress, Mapping[str, str]] = {}

    def reason_to_keep(self, old: OldRevision) -> str | None:
        """Say why a revision that no release needs is kept all the same; None when it may go.

        :param old: the revision.
        :raises CloudRunError: when Cloud Run gives no usable answer.
        """
        live = self._find(old)
        return None if live is None else reason_to_keep(old, live, list(self._listed(old)))

    def delete(self, old: OldRevision) -> bool:
        """Delete a revision, and the tag that its release left.

        :param old: the revision.
        :return: False when Cloud Run refuses, or somebody changed the service just now.
        :raises CloudRunError: when Cloud Run gives no usable answer.
        """
        from slipway.hooks.cloud_run.hook import serving_split, tags_of

        name, timeout = old.deletion.revision, old.release.policy.traffic_timeout_seconds
        live = self._find(old)
        if live is None or name not in self._listed(old):
            return True
        if reason_to_keep(old, live, list(self._listed(old))) is not None:
            return False
        if tags_of(live).get(old.tag) == name:
            try:
                self._hook.set_traffic(
                    old.address,
                    split=serving_split(live),
                    drop_tags=[old.tag],
                    etag=live.etag,
                    timeout=timeout,
                )
            except ReleaseConflict:
                return False
        return self._hook.delete_revision(old.address, name, etag=self._listed(old)[name], timeout=timeout)

    def _find(self, old: OldRevision) -> run_v2.Service | None:
        try:
            return self._hook.get_service(old.address)
        except ServiceNotFound:
            return None

    def _listed(self, old: OldRevision) -> Mapping[str, str]:
        """Return the etags of a service's revisions by short name, the newest first."""
        from slipway.hooks.cloud_run.traffic import short_name

        if old.address not in self._etags:
            found = self._hook.list_revisions(old.address)
            self._etags[old.address] = {short_name(one.name): one.etag for one in found}
        return self._etags[old.address]


def reason_to_keep(old: OldRevision, live: run_v2.Service, newest: Sequence[str]) -> str | None:
    """Say why a revision that no release needs is kept all the same; None when it may go.

    The tag of its own release is no reason: a release whose services were locked when it ended leaves it.

    :param old: the revision.
    :param live: its service, as read just now.
    :param newest: the service's revisions, the newest first.
    """
    from slipway.hooks.cloud_run.hook import foreign_lease
    from slipway.hooks.cloud_run.traffic import short_name

    own = old.deletion.revision
    if (lease := foreign_lease(live, "")) is not None:
        return f"{lease} holds the service"
    if own in newest[: old.kept]:
        return f"it is one of the newest {old.kept} of the service"
    if own in (short_name(live.latest_created_revision), short_name(live.latest_ready_revision)):
        return "it is the service's latest revision"
    targets: list[run_v2.TrafficTarget | run_v2.TrafficTargetStatus]
    targets = [*live.traffic, *live.traffic_statuses]
    for target in targets:
        if short_name(target.revision) == own and target.percent:
            return f"it serves {target.percent} %"
        if short_name(target.revision) == own and target.tag != old.tag:
            return f"it has the tag {target.tag}" if target.tag else "it is named in the service's traffic"
    return None


def _revisions(
    release: Release, days: int = 0, kept_days: int = 0
) -> Iterator[tuple[ServiceAddress, RevisionDeleted]]:
    for service in release.plan.services.values():
        for environment, revision in service.revisions.items():
            name = service.names[environment]
            yield (
                service_address(release.policy, name, environment),
                RevisionDeleted(
                    environment=environment,
                    service=name,
                    revision=revision,
                    ended_days_ago=days,
                    kept_days=kept_days,
                ),
            )
