"""Operators of the tiers database and restore: keep what was written, undo migrations, restore a backup."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from slipway.exceptions import DatabaseNotReady, RequestRefused, SchemaContractBroken
from slipway.ledger.entries import (
    BackupRestored,
    DatabaseRollbackConfirmed,
    DatabaseRolledBack,
    DatabaseSwitched,
    DataKept,
)
from slipway.ledger.links import question_link
from slipway.operators.backup import CloudSqlOperator
from slipway.operators.base import ReleaseOperator
from slipway.release.asking import answer_of, withdraw
from slipway.release.backup import Instance, Pending, back_up, create_like, is_restored, require_done, restore
from slipway.release.rollback.confirming import UNDO, ask_to_undo, undo_subject
from slipway.release.rollback.database import (
    backup_to_restore,
    backward_steps,
    losses,
    require_safe_now,
    undo,
    written_since,
)
from slipway.release.schema import sound_catalog

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow.sdk import Context

    from slipway.ledger.ledger import Release
    from slipway.release.rollback.database import BackwardStep


class KeepDataOperator(CloudSqlOperator):
    """Back the production database up as it is, and wait for it in the triggerer.

    It holds what is lost when the migrations are undone, or lacking in a backup that is restored. Skipped for
    the tier traffic, and where nothing is left to do.

    :param environment: ``production``.
    :raises BackupFailed: when no backup was made in time; nothing is undone.
    """

    def execute(self, context: Context) -> str:
        """Return the backup's id."""
        release = self.release(context)
        if context["params"]["tier"] == "traffic":
            raise AirflowSkipException("tier traffic: the schema stays")
        if context["params"]["tier"] == "restore":
            if self.ledger.get(release.release_id, DatabaseSwitched) is not None:
                raise AirflowSkipException("the services use the restored instance already")
        elif not remaining_steps(self, release) and not _is_interrupted(self, release):
            raise AirflowSkipException("no migration of the release is left to undo")
        until = datetime.now(UTC) + timedelta(seconds=release.policy.backup_timeout_seconds)
        return self._go_on(context, release, until.isoformat())

    def execute_complete(self, context: Context, event: dict[str, Any], until: str) -> str:
        """Return the backup's id, or wait again when another operation held the instance.

        :param context: Airflow's context of the task.
        :param event: the trigger's event.
        :param until: ISO moment at which the wait is over.
        :raises BackupFailed: when the backup failed, or was not made in time.
        """
        release = self.release(context)
        require_done(event, self.instance(release), "back up")
        return self._go_on(context, release, until)

    def _go_on(self, context: Context, release: Release, until: str) -> str:
        from slipway.hooks.cloud_sql import CloudSqlBackupHook

        run, instance = context["dag_run"].run_id, self.instance(release)
        orders = list(self.ledger.entries(release.release_id).of_kind(DataKept))
        kept = next((order for order in orders if order.run == run), None)
        if kept is not None:
            return kept.backup
        number = max((order.round for order in orders), default=0) + 1
        operation = self.ledger.operations.of(release.release_id, DataKept, round=number)
        with closing(CloudSqlBackupHook(gcp_conn_id=self.gcp_conn_id)) as cloud_sql:
            backup = back_up(
                cloud_sql, instance, f"slipway {release.release_id}: before its rollback, {run}", operation
            )
        if isinstance(backup, Pending):
            self.defer_until_done(backup, instance, until=until)
        self.record(release, DataKept(run=run, instance=instance.name, backup=backup, round=number))
        return backup


class RollBackDatabaseOperator(ReleaseOperator):
    """Undo the migrations of a release whose traffic is back, once a person has confirmed what is lost.

    :raises AirflowFailException: when nobody confirms it, or the schema must stay; it is as it was.
    :raises MigrationFailed: with what the database said; another try goes on.
    """

    def execute(self, context: Context) -> list[str]:
        """Return the migrations that are undone, or ask."""
        if context["params"]["tier"] == "restore":
            raise AirflowSkipException("tier restore: the schema that serves stays")
        release = self.release(context)
        kept = kept_data(self, context, release)
        steps, confirmations = self._checked(release), self._confirmations(release)
        # A confirmation holds for its order: by another one more may be lost. What is undone needs none.
        for confirmed in reversed(confirmations):
            if confirmed.backup == kept.backup or not steps:
                return self._undo(context, release, confirmed)
        lost = losses(release, steps)
        waiting = ask_to_undo(context, release, steps, lost, kept)
        message = f"Data that is lost: {lost or 'none'}.\nAnswer: {question_link(context)}"
        self.notify_once(context, release, "database_rollback", undo_subject(release), message)
        raise waiting

    def on_answer(self, context: Context, event: dict[str, Any]) -> list[str]:
        """Follow the answer, and record who confirmed which loss.

        :param context: Airflow's context of the task.
        :param event: as :func:`slipway.release.asking.answer_of` reads it.
        :raises AirflowFailException: when the schema stays as it is.
        """
        release, answer = self.release(context), answer_of(event)
        if answer.person is None or answer.option != UNDO:
            withdraw(context)
            raise AirflowFailException(f"{answer}: the schema stays as it is; the traffic is back")
        steps = self._checked(release)
        confirmed = DatabaseRollbackConfirmed(
            migrations=tuple(step.name for step in steps),
            lost=losses(release, steps),
            backup=kept_data(self, context, release).backup,
            user=answer.person,
            reason=str(answer.fields.get("reason") or "").strip(),
            round=len(self._confirmations(release)) + 1,
        )
        self.record(release, confirmed)
        return self._undo(context, release, confirmed)

    def _confirmations(self, release: Release) -> list[DatabaseRollbackConfirmed]:
        return list(self.ledger.entries(release.release_id).of_kind(DatabaseRollbackConfirmed))

    def _checked(self, release: Release) -> Sequence[BackwardStep]:
        try:
            require_safe_now(release, self.cloud_run, self.ledger)
            return remaining_steps(self, release)
        except (RequestRefused, SchemaContractBroken) as refused:
            raise AirflowFailException(f"The schema stays as it is: {refused}") from None

    def _undo(self, context: Context, release: Release, confirmed: DatabaseRollbackConfirmed) -> list[str]:
        undo(release, self._checked(release))
        sound_catalog(release.policy.database("production").connection)
        done = confirmed.model_dump(include={"lost", "backup"})
        undone = DatabaseRolledBack(undone=confirmed.migrations, **done)
        self.record(release, undone)
        subject = f"Release {release.version}: its migrations are undone"
        self.notify_once(context, release, "database_rolled_back", subject, undone.sentence)
        return list(confirmed.migrations)


class RestoreBackupOperator(CloudSqlOperator):
    """Restore the release's backup to a new instance, beside the one that serves; skipped for other tiers.

    Nothing uses the new instance: a person compares it and switches.

    :param environment: ``production``.
    :raises BackupFailed: when the instance cannot be created, or the backup not be restored, in time.
    """

    def execute(self, context: Context) -> str:
        """Return the name of the new instance."""
        if context["params"]["tier"] != "restore":
            raise AirflowSkipException("only the tier restore restores the backup")
        release = self.release(context)
        seconds = release.policy.rollback_deadlines.database_seconds
        return self._go_on(context, release, (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat())

    def execute_complete(self, context: Context, event: dict[str, Any], until: str) -> str:
        """Return the name of the new instance, or wait for the next step.

        :param context: Airflow's context of the task.
        :param event: the trigger's event.
        :param until: ISO moment at which the wait is over.
        :raises BackupFailed: when a step failed, or was not done in time.
        """
        release = self.release(context)
        require_done(event, self._new(release), "restore the backup")
        return self._go_on(context, release, until)

    def _go_on(self, context: Context, release: Release, until: str) -> str:
        from slipway.hooks.cloud_sql import CloudSqlBackupHook

        record = self.ledger.entries(release.release_id)
        found = record.get(BackupRestored)
        if found is not None:
            return found.instance
        taken, new, source = backup_to_restore(release, record), self._new(release), self.instance(release)
        operations = self.ledger.operations
        restoring = operations.of(release.release_id, BackupRestored)
        creating = operations.of(release.release_id, BackupRestored, service="create")
        with closing(CloudSqlBackupHook(gcp_conn_id=self.gcp_conn_id)) as cloud_sql:
            made = create_like(cloud_sql, new, source, creating)
            if isinstance(made, Pending):
                self.defer_until_done(made, new, until=until)
            if not is_restored(cloud_sql, new, restoring):
                self.defer_until_done(
                    restore(cloud_sql, new, source, taken.backup, restoring), new, until=until
                )
        restored = BackupRestored(
            backup=taken.backup,
            source=source.name,
            instance=new.name,
            connection_name=made.connection_name,
            addresses=made.addresses,
            kept_in=kept_data(self, context, release).backup,
            written_since=written_since(release, taken),
        )
        self.record(release, restored)
        subject = f"Release {release.version}: its backup is restored beside what serves"
        self.notify_once(context, release, "backup_restored", subject, restored.sentence)
        return new.name

    def _new(self, release: Release) -> Instance:
        source = self.instance(release)
        return Instance(source.project_id, f"{source.name}-{release.release_id}")


def kept_data(operator: ReleaseOperator, context: Context, release: Release) -> DataKept:
    """Return the backup that this order made of the database as it was.

    :param operator: has the ledger.
    :param context: Airflow's context of the task.
    :param release: the release.
    :raises DatabaseNotReady: when none is on record.
    """
    run = context["dag_run"].run_id
    for kept in operator.ledger.entries(release.release_id).of_kind(DataKept):
        if kept.run == run:
            return kept
    raise DatabaseNotReady(
        f"release {release.release_id}: no backup of this order is on record; clear the task keep_data"
    )


def remaining_steps(operator: ReleaseOperator, release: Release) -> tuple[BackwardStep, ...]:
    """Return the migrations that are left to undo.

    :param operator: has the ledger.
    :param release: the release.
    :raises RequestRefused: when the contract allows no backward migration.
    """
    return backward_steps(release, operator.ledger.entries(release.release_id))


def _is_interrupted(operator: ReleaseOperator, release: Release) -> bool:
    """Whether an earlier run was stopped between the last backward file and its record."""
    record = operator.ledger.entries(release.release_id)
    return record.get(DatabaseRollbackConfirmed) is not None and record.get(DatabaseRolledBack) is None
