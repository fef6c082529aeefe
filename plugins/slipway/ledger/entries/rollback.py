"""What a rollback does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

from slipway.ledger.entries.base import LedgerEntry
from slipway.ledger.entries.lifecycle import TargetRecord
from slipway.ledger.entries.phases import Person
from slipway.ledger.entries.staging import changed
from slipway.ledger.entries.values import ConfigurationChange, SplitChange, listed
from slipway.policy.release import EnvironmentName

RollbackTier = Literal["traffic", "database", "restore", "full"]


class RollbackOrdered(LedgerEntry):
    """The rollback is ordered; from here on the release's own run changes nothing any more.

    :param tier: how far it goes.
    :param actor: the person who ordered it, or ``release_watchdog``.
    :param reason: why, in that person's words, or the late regression.
    :param source: ``DAG rollback`` or ``command line``.
    """

    KEY: ClassVar[str] = "rollback_ordered/{tier}"
    WRITER: ClassVar[str] = "the DAG rollback, `python -m slipway rollback`"

    tier: RollbackTier
    actor: str
    reason: str
    source: str

    @property
    def sentence(self) -> str:
        """Who, how far, and why."""
        return f"Rollback of the {self.tier} ordered by {self.actor} ({self.source}): {self.reason}"


class TrafficRestoration(LedgerEntry):
    """Base of what restores the traffic.

    :param reason: why, in one line.
    :param changes: by service, the change.
    """

    reason: str
    changes: Mapping[str, SplitChange]

    @property
    def sentence(self) -> str:
        """The split that serves again, and why."""
        moved = "; ".join(f"{name}: {change.shown(name)}" for name, change in self.changes.items())
        return f"Traffic restored: {moved or 'nothing to move'}. Reason: {self.reason}"


class TrafficRestored(TrafficRestoration):
    """All traffic is back on what served when the release began.

    :param round: number of the rollback; a later one is on record when it had something to move.
    """

    KEY: ClassVar[str] = "rolled_back/traffic[/{round}]"
    WRITER: ClassVar[str] = "RollBackTrafficOperator, `python -m slipway rollback`"

    round: int = 1


class TrafficRestoredAgain(TrafficRestoration):
    """Somebody gave the release traffic after it was rolled back; its end took it back.

    :param round: number of the time.
    """

    KEY: ClassVar[str] = "rolled_back/again[/{round}]"
    WRITER: ClassVar[str] = "CloseReleaseOperator, the reconcile teardown, the DAG release_watchdog"

    round: int = 1


class ReleaseReconciled(TrafficRestoration):
    """The teardown restored the traffic of a release that nothing else had ended."""

    KEY: ClassVar[str] = "rolled_back/reconciled"
    WRITER: ClassVar[str] = "the reconcile teardown"


class FlagsRolledBack(LedgerEntry):
    """The feature flags are as they were when the release began; what it brought is switched off by policy.

    :param environment: ``staging`` or ``production``.
    :param versions: by document, the version to go by from now.
    :param serving: by document, the version that the serving revision went by until now.
    :param changes: the settings that change.
    :param switched_off: the settings that this release brought, which the policy sets on a rollback, as
        ``<document> <setting>``.
    :param serving_follows: by document, whether the serving revision follows it without a deployment.
    :param kept_for: by document that stays as it is, the other regions in which a setting would change.
    """

    KEY: ClassVar[str] = "rolled_back/flags/{environment}"
    WRITER: ClassVar[str] = "RollBackFlagsOperator"

    environment: EnvironmentName
    versions: Mapping[str, int]
    serving: Mapping[str, str] = {}
    changes: tuple[ConfigurationChange, ...] = ()
    switched_off: tuple[str, ...] = ()
    serving_follows: Mapping[str, bool] = {}
    kept_for: Mapping[str, tuple[str, ...]] = {}

    @property
    def sentence(self) -> str:
        """What is in force, and what serves only after a deployment."""
        later = [
            name
            for name, follows in self.serving_follows.items()
            if not follows and any(change.document == name for change in self.changes)
        ]
        words = self.switched_off_words or "as they were when the release began"
        kept = [f"{name} stays for what serves in {listed(found)}" for name, found in self.kept_for.items()]
        follows = (
            [f"the serving revision reads {', '.join(later)} only once it is deployed again"] if later else []
        )
        return "; ".join([f"Flags of {self.environment} {words}", changed(self.changes), *kept, *follows])

    @property
    def switched_off_words(self) -> str:
        """Say what the policy switched off for everybody; empty when it switched off nothing."""
        if not self.switched_off:
            return ""
        return (
            f"set by the policy for everybody, as this release brought them: {', '.join(self.switched_off)}"
        )


class RollbackRefused(LedgerEntry):
    """The traffic stays: the version that it would go back to cannot run on the schema. A person decides.

    :param reason: the version, the migrations in its way, and the ways forward.
    :param seconds: how long an answer is waited for.
    """

    KEY: ClassVar[str] = "rollback_refused/schema"
    WRITER: ClassVar[str] = "RollBackTrafficOperator"

    reason: str
    seconds: float

    @property
    def sentence(self) -> str:
        """Why, and how long somebody has to decide."""
        return f"Rollback needs a decision within {self.seconds / 60:g} min: {self.reason}"


class RollbackOverridden(LedgerEntry):
    """A person decided to restore the traffic although the version cannot run on the schema.

    :param reason: who, and why.
    :param user: who decided.
    """

    KEY: ClassVar[str] = "rollback_overridden/schema"
    WRITER: ClassVar[str] = "RollBackTrafficOperator"

    reason: str
    user: Person | None = None

    @property
    def sentence(self) -> str:
        """Who, and why."""
        return f"Rollback ordered all the same: {self.reason}"


class DataKept(LedgerEntry):
    """Everything written until the rollback of the database is in a backup, before anything is undone.

    :param run: the run of the DAG rollback that made it.
    :param instance: Cloud SQL instance.
    :param backup: id of the backup.
    :param round: number of the order; a later one makes a backup of its own.
    """

    KEY: ClassVar[str] = "rolled_back/data_kept[/{round}]"
    WRITER: ClassVar[str] = "KeepDataOperator"

    run: str
    instance: str
    backup: str
    round: int = 1

    @property
    def sentence(self) -> str:
        """The instance and the backup."""
        return f"Backup {self.backup} of {self.instance} holds everything written until now"


class LossConfirmed(LedgerEntry):
    """Base of what a person confirms about a database, and with it the loss of data.

    :param lost: rows that are lost, by table, column or part of a table.
    :param backup: id of the backup that holds them.
    :param user: who confirmed it.
    :param reason: why, in that person's words; empty when there are none.
    :param round: number of the confirmation; each holds for one order, with its backup.
    """

    lost: Mapping[str, int] = {}
    backup: str
    user: Person
    reason: str = ""
    round: int = 1


class DatabaseRollbackConfirmed(LossConfirmed):
    """A person confirmed that migrations are undone, and with them data is lost.

    :param migrations: the migrations to undo, the newest first.
    """

    KEY: ClassVar[str] = "rollback_confirmed/database[/{round}]"
    WRITER: ClassVar[str] = "RollBackDatabaseOperator"

    migrations: tuple[str, ...]

    @property
    def sentence(self) -> str:
        """Who, what is undone, and what is lost."""
        return (
            f"{self.user.name} confirmed to undo {listed(self.migrations)}; lost:"
            f" {lost_words(self.lost)}; kept in backup {self.backup}"
        )


class DatabaseRolledBack(LedgerEntry):
    """The migrations of the release are undone.

    :param undone: the migrations, the newest first.
    :param lost: rows by table and column that were lost.
    :param backup: id of the backup that holds them.
    """

    KEY: ClassVar[str] = "rolled_back/database"
    WRITER: ClassVar[str] = "RollBackDatabaseOperator"

    undone: tuple[str, ...]
    lost: Mapping[str, int] = {}
    backup: str

    @property
    def sentence(self) -> str:
        """What is undone, and where the lost data is kept."""
        return (
            f"Schema of production as it was before the release: {listed(self.undone)} undone; lost:"
            f" {lost_words(self.lost)}; kept in backup {self.backup}"
        )


class BackupRestored(LedgerEntry):
    """The release's backup is restored to a new instance, beside the one that serves; nothing uses it yet.

    :param backup: id of the backup, from before the release's migrations.
    :param source: Cloud SQL instance that it is of; it serves on.
    :param instance: the new instance.
    :param connection_name: of the new instance, ``<project>:<region>:<name>``.
    :param addresses: its IP addresses.
    :param kept_in: id of the backup that holds everything written until the restore.
    :param written_since: rows more than at the backup, by table or part of a table.
    """

    KEY: ClassVar[str] = "rolled_back/restored"
    WRITER: ClassVar[str] = "RestoreBackupOperator"

    backup: str
    source: str
    instance: str
    connection_name: str
    addresses: tuple[str, ...]
    kept_in: str
    written_since: Mapping[str, int] = {}

    @property
    def sentence(self) -> str:
        """Where it is restored to, what it lacks, and what a person has to do."""
        new, lacking = f"{self.instance} at {listed(self.addresses)}", lost_words(self.written_since)
        return (
            f"Backup {self.backup} of {self.source} is restored to {new}; nothing uses it yet. It lacks what"
            f" was written since, which backup {self.kept_in} holds: {lacking}. Compare it, then answer under"
            " Required Actions whether the services are switched to it"
        )


class DatabaseSwitchConfirmed(LossConfirmed):
    """A person confirmed that the services are switched to the restored instance, and what they lose by it.

    :param instance: the restored Cloud SQL instance.
    """

    KEY: ClassVar[str] = "rollback_confirmed/switch[/{round}]"
    WRITER: ClassVar[str] = "SwitchDatabaseOperator"

    instance: str

    @property
    def sentence(self) -> str:
        """Who, to where, and what is lost."""
        return (
            f"{self.user.name} confirmed to switch the services to {self.instance}; it lacks:"
            f" {lost_words(self.lost)}; kept in backup {self.backup}"
        )


class DatabaseSwitched(TrafficRestoration):
    """The services use the restored instance: all traffic is on revisions that find it.

    :param source: Cloud SQL instance that nothing of the services uses any more.
    :param instance: the restored one.
    :param connection: the Airflow connection that a person has to point to it.
    """

    KEY: ClassVar[str] = "rolled_back/switched"
    WRITER: ClassVar[str] = "SwitchDatabaseOperator"

    source: str
    instance: str
    connection: str

    @property
    def sentence(self) -> str:
        """Who serves, and what is left to do by hand."""
        moved = "; ".join(f"{name}: {change.shown(name)}" for name, change in self.changes.items())
        return (
            f"The services use {self.instance}, no longer {self.source}: {moved}. Left to do by hand: point"
            f" the Airflow connection {self.connection} and the policy's instance to it; then delete the old"
            " one"
        )


class FullyRestored(LedgerEntry):
    """Every service was read after the rollback, those beside the release too.

    :param changes: the services beside the release, which return to what was promoted last.
    :param serving: by service, what serves: its image, configuration versions and secrets.
    :param wrong: what is not as it was when the release began, a line each.
    :param round: number of the look; a later one is on record when it found something else.
    """

    KEY: ClassVar[str] = "rolled_back/full[/{round}]"
    WRITER: ClassVar[str] = "RestoreWholeOperator"

    changes: Mapping[str, SplitChange] = {}
    serving: Mapping[str, TargetRecord] = {}
    wrong: tuple[str, ...] = ()
    round: int = 1

    @property
    def sentence(self) -> str:
        """Whether the whole is as it was, and what is not."""
        moved = [f"{name}: {change.shown(name)}" for name, change in self.changes.items() if change.changed]
        beside = f"; services beside the release: {'; '.join(moved)}" if moved else ""
        if self.wrong:
            return f"Not everything is as it was before the release: {'; '.join(self.wrong)}{beside}"
        read = listed(self.serving)
        return f"Revisions, images, configuration and secrets are as before the release: {read}{beside}"


def lost_words(lost: Mapping[str, int]) -> str:
    """Return what is lost as people read it.

    :param lost: rows by table and column.
    """
    return listed([f"{what} ({rows} rows)" for what, rows in lost.items()], none="no data")
