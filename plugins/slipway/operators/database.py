"""Operators that back a database up and migrate its schema."""

from __future__ import annotations

from typing import TYPE_CHECKING

from slipway.operators.release import EnvironmentOperator
from slipway.statements import SQL_DIRECTORY

if TYPE_CHECKING:
    from airflow.sdk import Context


class BackUpDatabaseOperator(EnvironmentOperator):
    """Take an on-demand backup and wait for it; the same release takes it once.

    :param environment: ``staging`` or ``production``.
    :raises BackupFailed: when no backup was made in time.
    """

    def execute(self, context: Context) -> str:
        """Return the backup's id."""
        release = self.release(context)
        environment = release.policy.environments[self.environment]
        from slipway.hooks.cloud_sql import CloudSqlBackupHook

        backup = CloudSqlBackupHook(gcp_conn_id=self.gcp_conn_id).create_backup(
            project_id=environment.project_id,
            instance=environment.database.instance,
            description=f"slipway {release.release_id}: before migrations",
            timeout=release.policy.backup_timeout_seconds,
        )
        self.record(
            release, f"backed_up/{self.environment}", instance=environment.database.instance, backup=backup
        )
        return backup


class MigrateSchemaOperator(EnvironmentOperator):
    """Apply the schema migrations that the database does not have yet.

    :param environment: ``staging`` or ``production``.
    :raises MigrationFailed: naming the migration and what the database said.
    """

    def execute(self, context: Context) -> list[str]:
        """Return the migrations that were applied now."""
        release = self.release(context)
        from slipway.hooks.schema import SchemaHook

        connection = release.policy.environments[self.environment].database.connection
        migrations = release.policy.migrations
        hook = SchemaHook(postgres_conn_id=connection)
        applied = hook.migrate(
            SQL_DIRECTORY / migrations.directory,
            lock_timeout_seconds=migrations.lock_timeout_seconds,
            statement_timeout_seconds=migrations.statement_timeout_seconds,
            attempts=migrations.attempts,
            wait_seconds=migrations.retry_wait_seconds,
        )
        present = hook.applied(SQL_DIRECTORY / migrations.directory)
        self.record(release, f"migrated/{self.environment}", applied=applied, present=present)
        return applied
