"""The operators of the daily maintenance."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowException, AirflowFailException

from slipway.operators.base import LedgerOperator
from slipway.release.old_revisions import ServedRevisions, old_revisions
from slipway.release.report.keeping import report_folder, write_report
from slipway.release.retention import old_backups, old_copies, old_reports

if TYPE_CHECKING:
    from airflow.sdk import Context

    from slipway.ledger.entries.retention import DeletedEntry
    from slipway.ledger.ledger import Release
    from slipway.release.retention import OldCopies


class AnchorLedgerOperator(LedgerOperator):
    """Verify the record of every release, then anchor the end of every chain.

    What is found does not keep the rest from being anchored: an anchor also holds what a forger made.

    :raises AirflowFailException: naming every release whose record is not as it was written.
    """

    def execute(self, context: Context) -> int:
        """Return how many releases are anchored."""
        ledger = self.ledger
        found = [verified for verified in ledger.verification.every() if not verified.holds]
        for verified in found:
            self.log.error("Release %s: %s", verified.release_id, verified.sentence)
        if changeable := ledger.verification.changeable():
            self.log.warning(
                "The role of the connection %s may change %s: use one of `migrate-ledger --application`",
                self.ledger_conn_id,
                ", ".join(changeable),
            )
        day = ledger.verification.anchor_every()
        self.log.info("%d releases are anchored in %s", day.releases, ledger.anchors.place)
        if found:
            names = ", ".join(verified.release_id for verified in found)
            raise AirflowFailException(
                f"The record is not as it was written: {names}; `python -m slipway verify --all` says where."
                " Compare with a backup of the ledger's database, and see docs/audit.md"
            )
        return day.releases


class WriteMissingReportsOperator(LedgerOperator):
    """Write the reports that could not be written when their releases ended: the bucket took no write.

    :raises AirflowException: naming the releases whose reports still cannot be written.
    """

    def execute(self, context: Context) -> list[str]:
        """Return the releases whose reports are written now."""
        ledger = self.ledger
        missing = []
        done = []
        for release_id in ledger.listing.unreported():
            written = write_report(ledger.release(release_id), ledger)
            if written is None:
                missing.append(release_id)
            else:
                ledger.append(release_id, written)
                ledger.anchor(release_id)
                done.append(release_id)
        self.log.info("Reports are written of: %s", ", ".join(done) or "none; none was missing")
        if missing:
            raise AirflowException(
                f"{report_folder()} takes no report of {', '.join(missing)}: make it writable, then clear"
                " the task"
            )
        return done


class RetentionOperator(LedgerOperator):
    """Base of the operators that delete what the policies of ended releases no longer keep, each on record.

    Where the policy does not say ``delete: true``, the log names what would be deleted.

    :param gcp_conn_id: connection to Google Cloud.
    """

    def __init__(self, *, gcp_conn_id: str = "google_cloud_default", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.gcp_conn_id = gcp_conn_id

    def delete(self, release: Release, deletion: DeletedEntry, act: Callable[[], bool]) -> bool:
        """Delete something of a release, and put that on record.

        :param release: the release.
        :param deletion: what goes on record.
        :param act: deletes it; False when that is not possible now.
        :return: whether it is deleted.
        """
        if release.policy.retention is None or not release.policy.retention.delete:
            self.log.info("Release %s: would be deleted: %s", release.release_id, deletion.sentence)
            return False
        if not act():
            self.log.warning("Release %s: not now, tomorrow: %s", release.release_id, deletion.sentence)
            return False
        self.record(release, deletion)
        self.ledger.anchor(release.release_id)
        return True


class DeleteOldBackupsOperator(RetentionOperator):
    """Delete the backups, and the copies of backups, that the policies of their releases no longer keep."""

    def execute(self, context: Context) -> list[str]:
        """Delete what is old.

        :param context: Airflow's context of the task.
        :return: what is deleted: ids of backups, and addresses of copies.
        :raises BackupFailed: when Cloud SQL refuses.
        :raises BucketUnreadable: when Cloud Storage refuses.
        """
        from slipway.hooks.cloud_sql import CloudSqlBackupHook

        hook, done = CloudSqlBackupHook(self.gcp_conn_id), list[str]()
        for old in list(old_backups(self.ledger, datetime.now(UTC))):
            place = {"project_id": old.project_id, "instance": old.deletion.instance}
            begin = partial(hook.begin_delete_backup, **place, backup=old.deletion.backup)
            if self.delete(old.release, old.deletion, begin):
                done.append(old.deletion.backup)
        for found in list(old_copies(self.ledger, datetime.now(UTC))):
            if self.delete(found.release, found.deletion, partial(_delete_copies, self.gcp_conn_id, found)):
                done += found.deletion.uris
        return done


class DeleteOldRevisionsOperator(RetentionOperator):
    """Delete the revisions, with the tags that their releases left, that the policies no longer keep.

    What serves, what is tagged and who holds a service is read from Cloud Run first.
    """

    def execute(self, context: Context) -> list[str]:
        """Delete what is old.

        :param context: Airflow's context of the task.
        :return: names of the revisions that are deleted.
        :raises CloudRunError: when Cloud Run gives no usable answer.
        """
        from slipway.hooks.cloud_run.hook import CloudRunTrafficHook

        served = ServedRevisions(CloudRunTrafficHook(gcp_conn_id=self.gcp_conn_id))
        done = list[str]()
        for old in list(old_revisions(self.ledger, datetime.now(UTC))):
            if (why := served.reason_to_keep(old)) is not None:
                self.log.info("Kept: revision %s: %s", old.deletion.revision, why)
            elif self.delete(old.release, old.deletion, partial(served.delete, old)):
                done.append(old.deletion.revision)
        return done


class DeleteOldReportsOperator(RetentionOperator):
    """Delete the reports that the policies of their releases no longer keep."""

    def execute(self, context: Context) -> list[str]:
        """Delete what is old.

        :param context: Airflow's context of the task.
        :return: addresses of the reports that are deleted.
        """
        found = list(old_reports(self.ledger, datetime.now(UTC)))
        return [
            deletion.page
            for release, deletion in found
            if self.delete(release, deletion, partial(_delete_files, deletion.page, deletion.data))
        ]


def _delete_copies(gcp_conn_id: str, old: OldCopies) -> bool:
    from slipway.hooks.storage import BucketHook

    hook = BucketHook(gcp_conn_id)
    for copy in old.copies:
        bucket, _, name = copy.uri.removeprefix("gs://").partition("/")
        hook.delete(project_id=old.project_id, bucket=bucket, name=name, generation=int(copy.generation))
    return True


def _delete_files(*places: str) -> bool:
    from airflow.sdk import ObjectStoragePath

    for place in places:
        ObjectStoragePath(place).unlink(missing_ok=True)
    return True
