"""The operators of the daily maintenance."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowException, AirflowFailException

from slipway.operators.base import LedgerOperator
from slipway.release.report.keeping import report_folder, write_report
from slipway.release.retention import old_backups

if TYPE_CHECKING:
    from airflow.sdk import Context


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


class DeleteOldBackupsOperator(LedgerOperator):
    """Delete the backups that the policies of their releases no longer keep, each on record.

    Where the policy does not say ``delete: true``, the log names what would be deleted.

    :param gcp_conn_id: connection to Google Cloud.
    """

    def __init__(self, *, gcp_conn_id: str = "google_cloud_default", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.gcp_conn_id = gcp_conn_id

    def execute(self, context: Context) -> list[str]:
        """Delete what is old.

        :param context: Airflow's context of the task.
        :return: the releases whose backup is deleted.
        :raises BackupFailed: when Cloud SQL refuses.
        """
        from slipway.hooks.cloud_sql import CloudSqlBackupHook

        hook, done = CloudSqlBackupHook(self.gcp_conn_id), []
        for old in list(old_backups(self.ledger, datetime.now(UTC))):
            release, deletion = old.release, old.deletion
            if release.policy.retention is None or not release.policy.retention.delete:
                self.log.info("Release %s: would be deleted: %s", release.release_id, deletion.sentence)
            elif hook.begin_delete_backup(
                project_id=old.project_id, instance=deletion.instance, backup=deletion.backup
            ):
                self.record(release, deletion)
                self.ledger.anchor(release.release_id)
                done.append(release.release_id)
            else:
                self.log.warning("Release %s: not now, tomorrow: %s", release.release_id, deletion.sentence)
        return done
