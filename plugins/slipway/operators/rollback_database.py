"""Operators of a rollback's tier database: keep what was written, ask a person, undo the migrations."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from slipway.exceptions import DatabaseNotReady, RequestRefused, SchemaContractBroken
from slipway.ledger.entries import DatabaseRollbackConfirmed, DatabaseRolledBack, DataKept
from slipway.operators.backup import CloudSqlOperator
from slipway.operators.base import ReleaseOperator
from slipway.release.asking import answer_of, withdraw
from slipway.release.backup import Instance, Pending, back_up, require_done
from slipway.release.rollback.confirming import UNDO, ask_to_undo, undo_subject
from slipway.release.rollback.database import backward_steps, losses, require_safe_now, undo
from slipway.release.schema import sound_catalog

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow.sdk import Context

    from slipway.ledger.ledger import Release
    from slipway.release.rollback.database import BackwardStep


class KeepDataOperator(CloudSqlOperator):
    """Back the production database up before its migrations are undone, and wait for it in the triggerer.

    Skipped for the tier traffic, and where no migration of the release is left to undo.

    :param environment: ``production``.
    :raises BackupFailed: when no backup was made in time; nothing is undone.
    """

    def execute(self, context: Context) -> str:
        """Return the backup's id."""
        release = self.release(context)
        if context["params"]["tier"] == "traffic":
            raise AirflowSkipException("tier traffic: the schema stays")
        if not remaining_steps(self, release) and not _is_interrupted(self, release):
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
        require_done(event, _instance(release), "back up")
        return self._go_on(context, release, until)

    def _go_on(self, context: Context, release: Release, until: str) -> str:
        from slipway.hooks.cloud_sql import CloudSqlBackupHook

        run, instance = context["dag_run"].run_id, _instance(release)
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
        release = self.release(context)
        confirmed = self.ledger.get(release.release_id, DatabaseRollbackConfirmed)
        if confirmed is not None:
            return self._undo(context, release, confirmed)
        steps, kept = self._checked(release), self._kept(context, release)
        lost = losses(release, steps)
        waiting = ask_to_undo(context, release, steps, lost, kept)
        message = f"Data that is lost: {lost or 'none'}. Answer under Required Actions."
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
            backup=self._kept(context, release).backup,
            user=answer.person,
            reason=str(answer.fields.get("reason") or "").strip(),
        )
        self.record(release, confirmed)
        return self._undo(context, release, confirmed)

    def _checked(self, release: Release) -> Sequence[BackwardStep]:
        try:
            require_safe_now(release, self.cloud_run, self.ledger)
            return remaining_steps(self, release)
        except (RequestRefused, SchemaContractBroken) as refused:
            raise AirflowFailException(f"The schema stays as it is: {refused}") from None

    def _undo(self, context: Context, release: Release, confirmed: DatabaseRollbackConfirmed) -> list[str]:
        undo(release, self._checked(release))
        sound_catalog(release.policy.environments["production"].database.connection)
        done = confirmed.model_dump(include={"lost", "backup"})
        undone = DatabaseRolledBack(undone=confirmed.migrations, **done)
        self.record(release, undone)
        subject = f"Release {release.version}: its migrations are undone"
        self.notify_once(context, release, "database_rolled_back", subject, undone.sentence)
        return list(confirmed.migrations)

    def _kept(self, context: Context, release: Release) -> DataKept:
        run = context["dag_run"].run_id
        for kept in self.ledger.entries(release.release_id).of_kind(DataKept):
            if kept.run == run:
                return kept
        raise DatabaseNotReady(
            f"release {release.release_id}: what was written is in no backup; clear keep_data"
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


def _instance(release: Release) -> Instance:
    production = release.policy.environments["production"]
    return Instance(production.project_id, production.database.instance)
