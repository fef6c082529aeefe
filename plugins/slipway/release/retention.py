"""What ended releases have left that nobody needs any more, and that their policies no longer keep."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from slipway.ledger.entries import (
    BackupCopiesDeleted,
    BackupCopy,
    BackupDeleted,
    DatabaseBackedUp,
    ReportDeleted,
    ReportWritten,
)
from slipway.ledger.timeline import is_being_undone
from slipway.policy.fields import Retention

if TYPE_CHECKING:
    from slipway.ledger.chain import Record
    from slipway.ledger.ledger import Ledger, Release


@dataclass(frozen=True)
class Past:
    """A release on record, and whether somebody may still need what it left.

    :param days: whole days since its end; 0 while it may be needed.
    """

    release: Release
    record: Record
    days: int

    @property
    def rules(self) -> Retention:
        """The rules of its policy; without a section ``retention`` everything is kept."""
        return self.release.policy.retention or Retention()


@dataclass(frozen=True)
class OldBackup:
    """A backup that nothing needs any more.

    :param release: the release that made it.
    :param project_id: Google Cloud project of its instance.
    :param deletion: what goes on record of its deletion.
    """

    release: Release
    project_id: str
    deletion: BackupDeleted


@dataclass(frozen=True)
class OldCopies:
    """Copies of a backup that nothing needs any more, and that their bucket no longer holds.

    :param project_id: Google Cloud project of the instance.
    """

    release: Release
    project_id: str
    copies: tuple[BackupCopy, ...]
    deletion: BackupCopiesDeleted


def past_releases(ledger: Ledger, now: datetime) -> Iterator[Past]:
    """Yield every release on record, the newest first.

    Somebody may still need what a release left while it is open, or an open one follows it, or it is being
    rolled back, or it may be: it is the newest promoted one of its product and region, or was promoted within
    the policy's rollback window.

    :param ledger: the record of the releases.
    :param now: the moment that their ages are reckoned to.
    """
    first, promoted = datetime.min.replace(tzinfo=UTC), set[tuple[str, str]]()
    followed = {ledger.release(found.release_id).plan.follows for found in ledger.listing.open_releases()}
    for release_id in reversed(ledger.listing.opened_between(first, now)):
        release, record = ledger.release(release_id), ledger.entries(release_id)
        ended, product = release.closed_at, (release.policy.name, release.policy.region)
        is_needed = ended is None or release_id in followed
        if ended is not None and release.outcome == "promoted":
            window = release.policy.rollback_window or timedelta()
            is_needed |= product not in promoted or ended + window > now or is_being_undone(record)
            promoted.add(product)
        yield Past(release, record, 0 if is_needed or ended is None else (now - ended).days)


def old_backups(ledger: Ledger, now: datetime) -> Iterator[OldBackup]:
    """Yield the backups that the policies of their releases no longer keep, the newest first.

    Never one that somebody may need, nor the newest ones of an instance.

    :param ledger: the record of the releases.
    :param now: the moment that their ages are reckoned to.
    """
    kept = Counter[str]()
    for past in past_releases(ledger, now):
        made = past.record.get(DatabaseBackedUp, environment="production")
        if made is None or past.record.get(BackupDeleted, environment="production") is not None:
            continue
        kept[made.instance] += 1
        days = past.rules.backup_days
        if days is not None and past.days >= days and kept[made.instance] > past.rules.kept_backups:
            yield OldBackup(
                past.release,
                past.release.policy.environments["production"].project_id,
                BackupDeleted(
                    environment="production",
                    instance=made.instance,
                    backup=made.backup,
                    ended_days_ago=past.days,
                    kept_days=days,
                ),
            )


def old_copies(ledger: Ledger, now: datetime) -> Iterator[OldCopies]:
    """Yield the copies of backups that the policies of their releases no longer keep, the newest first.

    Never one that somebody may need, nor one that nobody can delete yet.

    :param ledger: the record of the releases.
    :param now: the moment that their ages are reckoned to.
    """
    for past in past_releases(ledger, now):
        made = past.record.get(DatabaseBackedUp, environment="production")
        is_deleted = past.record.get(BackupCopiesDeleted, environment="production") is not None
        days = past.rules.backup_copy_days
        if made is None or not made.copies or is_deleted or days is None or past.days < days:
            continue
        if all(copy.kept_until < now for copy in made.copies):
            yield OldCopies(
                past.release,
                past.release.policy.environments["production"].project_id,
                made.copies,
                BackupCopiesDeleted(
                    environment="production",
                    uris=tuple(copy.uri for copy in made.copies),
                    ended_days_ago=past.days,
                    kept_days=days,
                ),
            )


def old_reports(ledger: Ledger, now: datetime) -> Iterator[tuple[Release, ReportDeleted]]:
    """Yield the reports that the policies of their releases no longer keep, the newest first.

    :param ledger: the record of the releases.
    :param now: the moment that their ages are reckoned to.
    """
    for past in past_releases(ledger, now):
        days = past.rules.report_days
        for written in past.record.of_kind(ReportWritten):
            is_deleted = past.record.get(ReportDeleted, edition=written.edition) is not None
            if days is not None and past.days >= days and not is_deleted:
                yield (
                    past.release,
                    ReportDeleted(
                        edition=written.edition,
                        page=written.page,
                        data=written.data,
                        ended_days_ago=past.days,
                        kept_days=days,
                    ),
                )
