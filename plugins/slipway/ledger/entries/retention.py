"""What is deleted of a release that ended long ago; its record stays."""

from __future__ import annotations

from typing import ClassVar

from slipway.ledger.entries.base import LedgerEntry
from slipway.policy.release import EnvironmentName


class DeletedEntry(LedgerEntry):
    """Base of what the policy no longer keeps.

    :param ended_days_ago: whole days since the end of the release.
    :param kept_days: for how many days after it the policy keeps this.
    """

    ended_days_ago: int
    kept_days: int

    @property
    def why(self) -> str:
        """Its age, and the policy's."""
        return f"the release ended {self.ended_days_ago} days ago, and they are kept for {self.kept_days}"


class BackupDeleted(DeletedEntry):
    """A release's backup is deleted: the policy no longer keeps it.

    :param environment: ``staging`` or ``production``.
    :param instance: Cloud SQL instance.
    :param backup: id of the backup.
    """

    KEY: ClassVar[str] = "deleted/backup/{environment}"
    WRITER: ClassVar[str] = "DeleteOldBackupsOperator"

    environment: EnvironmentName
    instance: str
    backup: str

    @property
    def sentence(self) -> str:
        """The backup, and why it is not kept."""
        return f"Backup {self.backup} of {self.instance} deleted ({self.environment}): {self.why}"


class BackupCopiesDeleted(DeletedEntry):
    """The copies of a release's backup are deleted from their bucket: the policy no longer keeps them.

    :param environment: ``staging`` or ``production``.
    :param uris: where they were.
    """

    KEY: ClassVar[str] = "deleted/backup_copies/{environment}"
    WRITER: ClassVar[str] = "DeleteOldBackupsOperator"

    environment: EnvironmentName
    uris: tuple[str, ...]

    @property
    def sentence(self) -> str:
        """The copies, and why they are not kept."""
        return f"Copies of the backup deleted ({self.environment}): {', '.join(self.uris)}: {self.why}"


class RevisionDeleted(DeletedEntry):
    """A revision that the release made no longer exists: the policy no longer keeps it.

    :param environment: ``staging`` or ``production``.
    :param service: short name of the Cloud Run service.
    :param revision: short name of the revision.
    """

    KEY: ClassVar[str] = "deleted/revision/{environment}/{service}"
    WRITER: ClassVar[str] = "DeleteOldRevisionsOperator"

    environment: EnvironmentName
    service: str
    revision: str

    @property
    def sentence(self) -> str:
        """The revision, and why it is not kept."""
        return f"Revision {self.revision} of {self.service} deleted ({self.environment}): {self.why}"


class ReportDeleted(DeletedEntry):
    """A report of the release is deleted: the policy no longer keeps it.

    :param edition: as in :class:`~slipway.ledger.entries.lifecycle.ReportWritten`.
    :param page: where it was as a page.
    :param data: where it was as JSON.
    """

    KEY: ClassVar[str] = "deleted/report/{edition}"
    WRITER: ClassVar[str] = "DeleteOldReportsOperator"

    edition: int
    page: str
    data: str

    @property
    def sentence(self) -> str:
        """The report, and why it is not kept."""
        return f"Report {self.page} deleted: {self.why}"
