"""Operators that back a database up, and rehearse its migrations on the restored backup.

Cloud SQL works for minutes; the wait is in the triggerer, by the name of the operation.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NoReturn

from slipway.exceptions import BackupFailed, DatabaseNotReady
from slipway.ledger.entries import DatabaseBackedUp, MigrationsRehearsed, SampledRange
from slipway.operators.base import EnvironmentOperator
from slipway.operators.database import NO_DATABASE, SchemaOperator
from slipway.release.backup import Instance, Pending, back_up, require_done, restore
from slipway.release.backup_export import copies_of, without_copies
from slipway.release.rehearsal import rehearse
from slipway.triggers.cloud_sql import CloudSqlOperationTrigger

if TYPE_CHECKING:
    from airflow.sdk import Context

    from slipway.ledger.ledger import Release

POLL_SECONDS = 2.0
_MARGIN_SECONDS = 300


class CloudSqlOperator(EnvironmentOperator):
    """Base of the operators that begin an operation of Cloud SQL and wait for it in the triggerer."""

    def absent(self, release: Release) -> str | None:
        """Say why there is no instance."""
        return super().absent(release) or (NO_DATABASE if release.policy.migrations is None else None)

    def instance(self, release: Release) -> Instance:
        """Return the instance of the environment.

        :param release: whose policy names it.
        """
        environment = release.policy.environments[self.environment]
        return Instance(environment.project_id, release.policy.database(self.environment).instance)

    def defer_until_done(self, pending: Pending, instance: Instance, *, until: str, **kept: Any) -> NoReturn:
        """Wait for an operation, then go on with ``execute_complete``, which gets what is ``kept``.

        :param pending: what is waited for.
        :param instance: the instance of the operation.
        :param until: ISO moment at which the wait is over.
        """
        trigger = CloudSqlOperationTrigger(
            project_id=instance.project_id,
            instance=instance.name,
            operation=pending.operation,
            until=until,
            poll_seconds=POLL_SECONDS,
            gcp_conn_id=self.gcp_conn_id,
        )
        left = max(timedelta(), datetime.fromisoformat(until) - datetime.now(UTC))
        self.defer(
            trigger=trigger,
            method_name="execute_complete",
            kwargs={"until": until, **kept},
            timeout=left + timedelta(seconds=_MARGIN_SECONDS),
        )


class BackUpDatabaseOperator(CloudSqlOperator):
    """Take an on-demand backup, copy it to the policy's bucket, wait in the triggerer; each is made once.

    :param environment: ``staging`` or ``production``.
    :raises BackupFailed: when no backup, or no copy that the policy requires, was made in time.
    :raises BucketUnreadable: when the bucket of a copy that the policy requires cannot be read.
    """

    def execute(self, context: Context) -> str:
        """Return the backup's id."""
        from slipway.hooks.postgres.state import DatabaseStateHook

        release = self.release(context)
        state = DatabaseStateHook(release.policy.database(self.environment).connection)
        ranges = state.key_ranges(release.policy.schema_rules.rehearsal.sampling)
        counted = {"ranges": [asdict(found) for found in ranges], "rows_before": state.row_counts(ranges)}
        until = datetime.now(UTC) + timedelta(seconds=release.policy.backup_timeout_seconds)
        return self._go_on(release, until.isoformat(), counted)

    def execute_complete(
        self, context: Context, event: dict[str, Any], until: str, counted: dict[str, Any]
    ) -> str:
        """Return the backup's id, or wait again when another operation held the instance, or for the copy.

        :param context: Airflow's context of the task.
        :param event: the trigger's event.
        :param until: ISO moment at which the wait is over.
        :param counted: the sampled ranges, their rows before the backup and, once it is made, after it.
        :raises BackupFailed: when the backup or its copy failed, or was not made in time.
        """
        release = self.release(context)
        backed_up = "rows_after" in counted
        try:
            require_done(event, self.instance(release), "export" if backed_up else "back up")
        except BackupFailed as error:
            if not backed_up:
                raise
            return self._record(release, counted, without_copies(release.policy.schema_rules.export, error))
        return self._go_on(release, until, counted)

    def _go_on(self, release: Release, until: str, counted: dict[str, Any]) -> str:
        from slipway.hooks.cloud_sql import CloudSqlBackupHook
        from slipway.hooks.postgres.state import DatabaseStateHook, KeyRange

        instance = self.instance(release)
        kept = self.ledger.operations.of(release.release_id, DatabaseBackedUp, environment=self.environment)
        with closing(CloudSqlBackupHook(gcp_conn_id=self.gcp_conn_id)) as cloud_sql:
            description = f"slipway {release.release_id}: before migrations"
            backup = back_up(cloud_sql, instance, description, kept)
            if isinstance(backup, Pending):
                self.defer_until_done(backup, instance, until=until, counted=counted)
            if "rows_after" not in counted:
                state = DatabaseStateHook(release.policy.database(self.environment).connection)
                rows = state.row_counts([KeyRange(**found) for found in counted["ranges"]])
                counted = {**counted, "backup": backup, "rows_after": rows}
            copies = copies_of(release, cloud_sql, instance, backup, kept)
        if isinstance(copies, Pending):
            self.defer_until_done(copies, instance, until=until, counted=counted)
        return self._record(release, counted, copies)

    def _record(self, release: Release, counted: dict[str, Any], copies: dict[str, Any]) -> str:
        entry = DatabaseBackedUp(
            environment=self.environment,
            instance=self.instance(release).name,
            backup=counted["backup"],
            ranges=tuple(SampledRange.model_validate(found) for found in counted["ranges"]),
            rows_before=counted["rows_before"],
            rows_after=counted["rows_after"],
            **copies,
        )
        self.record(release, entry)
        return entry.backup


class RehearseMigrationsOperator(CloudSqlOperator, SchemaOperator):
    """Restore the release's backup beside staging, compare it with what was backed up, and migrate it there.

    :param environment: whose backup it is: ``production``.
    :raises BackupFailed: when the backup cannot be restored.
    :raises SchemaUnexpected: when what was restored, or what the migrations left, is not what is expected.
    :raises MigrationFailed: naming the migration and what the database said.
    """

    def execute(self, context: Context) -> list[str]:
        """Begin the restore, and wait for it in the triggerer."""
        release = self.release(context)
        seconds = release.policy.schema_rules.rehearsal.restore_timeout_seconds
        self._restore(release, (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat())

    def execute_complete(self, context: Context, event: dict[str, Any], until: str) -> list[str]:
        """Return the migrations that were rehearsed; begin again when the restore could not begin yet.

        :param context: Airflow's context of the task.
        :param event: the trigger's event.
        :param until: ISO moment at which the wait is over.
        :raises BackupFailed: when the restore failed, or was not done in time.
        """
        release = self.release(context)
        require_done(event, self._rehearsal(release), "restore the backup")
        if event["operation"] is None:
            self._restore(release, until)
        return self._rehearse(release)

    def _restore(self, release: Release, until: str) -> NoReturn:
        from slipway.hooks.cloud_sql import CloudSqlBackupHook

        with closing(CloudSqlBackupHook(gcp_conn_id=self.gcp_conn_id)) as cloud_sql:
            pending = restore(
                cloud_sql,
                self._rehearsal(release),
                self.instance(release),
                self._taken(release).backup,
                self.ledger.operations.of(
                    release.release_id, MigrationsRehearsed, environment=self.environment
                ),
            )
        self.defer_until_done(pending, self._rehearsal(release), until=until)

    def _rehearse(self, release: Release) -> list[str]:
        entry = rehearse(
            release,
            self._taken(release),
            due=lambda applied: [migration.name for migration in self.due(release, applied).due],
        )
        self.record(release, entry)
        return list(entry.rehearsed)

    def _taken(self, release: Release) -> DatabaseBackedUp:
        taken = self.ledger.get(release.release_id, DatabaseBackedUp, environment=self.environment)
        if taken is None:
            raise DatabaseNotReady(f"release {release.release_id}: no backup is on record; take it first")
        return taken

    @staticmethod
    def _rehearsal(release: Release) -> Instance:
        staging = release.policy.environments["staging"]
        return Instance(staging.project_id, release.policy.schema_rules.rehearsal.instance)
