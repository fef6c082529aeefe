"""Which backups of ended releases are no longer kept."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from slipway.ledger.entries import BackupDeleted, DatabaseBackedUp
from slipway.ledger.timeline import is_being_undone

if TYPE_CHECKING:
    from slipway.ledger.ledger import Ledger, Release


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


def old_backups(ledger: Ledger, now: datetime) -> Iterator[OldBackup]:
    """Yield the backups that the policies of their releases no longer keep, the newest first.

    Never one of a release that is open, that an open one follows, or that is being rolled back; nor the
    newest promoted release's of a product and region, which the tier *restore* goes back by; nor the newest
    ones of an instance.

    :param ledger: the record of the releases.
    :param now: the moment that their ages are reckoned to.
    """
    first, kept, promoted = datetime.min.replace(tzinfo=UTC), Counter[str](), set[tuple[str, str]]()
    needed = {ledger.release(found.release_id).plan.follows for found in ledger.listing.open_releases()}
    for release_id in reversed(ledger.listing.opened_between(first, now)):
        release = ledger.release(release_id)
        record = ledger.entries(release_id)
        made = record.get(DatabaseBackedUp, environment="production")
        product = release.policy.name, release.policy.region
        is_newest = release.outcome == "promoted" and product not in promoted
        if release.outcome == "promoted":
            promoted.add(product)
        if made is None or record.get(BackupDeleted, environment="production") is not None:
            continue
        kept[made.instance] += 1
        rules, ended = release.policy.retention, release.closed_at
        if rules is None or ended is None or is_newest or release_id in needed:
            continue
        is_undone = release.outcome == "promoted" and is_being_undone(record)
        if is_undone or kept[made.instance] <= rules.kept_backups:
            continue
        if (age := now - ended) > timedelta(days=rules.backup_days):
            yield OldBackup(
                release,
                release.policy.environments["production"].project_id,
                BackupDeleted(
                    environment="production",
                    instance=made.instance,
                    backup=made.backup,
                    ended_days_ago=age.days,
                    kept_days=rules.backup_days,
                ),
            )
