"""Operators that check a database and migrate its schema."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowSkipException

from slipway.exceptions import DatabaseNotReady, MigrationInvalid
from slipway.ledger.audit import audit
from slipway.ledger.entries import (
    BackfillProgressed,
    DatabaseChecked,
    MigrationsRehearsed,
    SchemaMigrated,
)
from slipway.operators.base import EnvironmentOperator, PreflightOperator
from slipway.release.disk_space import require_room
from slipway.release.schema import (
    due_now,
    identity_of,
    migrations_directory,
    names_in,
    recorded,
    require_free,
    require_migratable,
    require_rehearsed_catalog,
    sound_catalog,
    touched,
)
from slipway.release.serving_versions import stable_versions
from slipway.release.untouched import require_ongoing
from slipway.schema.contract import read_migrations
from slipway.schema.lint import lint_commands

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow.sdk import Context

    from slipway.hooks.postgres.backfill import BackfillProgress
    from slipway.hooks.postgres.migrations import SchemaHook
    from slipway.ledger.ledger import Release
    from slipway.schema.plan import AppliedMigration, SchemaPlan

LINT_SECONDS = 60
NO_DATABASE = "the product has no database (migrations)"
REPORT_PERCENTS = (25, 50, 75, 100)


class CheckSchemaOperator(PreflightOperator):
    """Refuse a release whose versions could not run on the schema, before anything changes.

    :return: the migrations that are due, and those that are held with what they wait for.
    :raises MigrationInvalid: when a migration may not be applied as written.
    :raises MigrationChanged: when an applied migration no longer is what was applied.
    :raises WrongDatabase: when the connection leads to another database.
    :raises MigrationFailed: when the connection goes through a pooler in transaction mode, or only reads.
    :raises SchemaContractBroken: naming the version, the migrations in its way, and the way forward.
    """

    def check(self, context: Context) -> dict[str, Any]:
        """Read what production's database has, and plan."""
        from slipway.hooks.postgres.migrations import SchemaHook

        request = self.request()
        plan, policy = request.plan, request.policy
        if policy.migrations is None:
            raise AirflowSkipException(NO_DATABASE)
        hook = SchemaHook(policy.database("production").connection)
        hook.require_own_session()
        stable = stable_versions(policy, self.cloud_run, self.ledger)
        schema = due_now(
            policy,
            hook.applied(identity_of(policy, "production")),
            new_version=plan.version,
            stable=stable,
            promoted=self.ledger.promotions(policy.name),
        )
        found = {"due": [migration.name for migration in schema.due], "held": dict(schema.held)}
        due = ", ".join(found["due"]) or "none"
        sentence = f"Schema checked: {plan.version} and what serves run on it; migrations due: {due}"
        audit(self.log, sentence, release=plan.release_id, entry="schema_checked", stable=stable, **found)
        return found


class SchemaOperator(EnvironmentOperator):
    """Base of the operators that work on what a release does to an environment's schema."""

    def absent(self, release: Release) -> str | None:
        """Say why there is no schema to work on."""
        return super().absent(release) or (NO_DATABASE if release.policy.migrations is None else None)

    def schema_hook(self, release: Release) -> SchemaHook:
        """Return the door to the environment's schema."""
        from slipway.hooks.postgres.migrations import SchemaHook

        return SchemaHook(release.policy.database(self.environment).connection)

    def due(self, release: Release, applied: Sequence[AppliedMigration]) -> SchemaPlan:
        """Plan what the release does to a database that has these migrations."""
        return due_now(
            release.policy,
            applied,
            new_version=release.version,
            stable=stable_versions(release.policy, self.cloud_run, self.ledger),
            promoted=self.ledger.promotions(release.policy.name),
        )


class CheckDatabaseOperator(SchemaOperator):
    """Make sure that a database can be migrated now: migrations linted, nobody in the way, room on the disk.

    :param environment: ``staging`` or ``production``.
    :raises MigrationInvalid: with what squawk found.
    :raises DatabaseNotReady: naming who holds a table, or how much room is missing.
    """

    def execute(self, context: Context) -> dict[str, Any]:
        """Return what was found."""
        release = self.release(context)
        self._lint(release)
        from slipway.hooks.postgres.state import DatabaseStateHook

        state = DatabaseStateHook(release.policy.database(self.environment).connection)
        due = self.due(release, self.schema_hook(release).applied()).due
        tables = touched(sorted(state.catalog()), due)
        require_free(release.policy, self.environment, state, tables)
        found = {
            "due": [migration.name for migration in due],
            "tables": tables,
            **self._room(release, tables),
        }
        self.record(release, DatabaseChecked(environment=self.environment, linted=True, **found))
        return found

    def _lint(self, release: Release) -> None:
        from slipway.hooks.command.command import CommandHook, tail

        for command in lint_commands(migrations_directory(release.policy)):
            code, output = CommandHook().run_command(command, environment={}, timeout_seconds=LINT_SECONDS)
            if code:
                raise MigrationInvalid(f"squawk ended with {code}:\n{tail(output)}")

    def _room(self, release: Release, tables: Sequence[str]) -> dict[str, Any]:
        """Make sure that there is room for the touched tables once more."""
        from slipway.hooks.cloud_sql import CloudSqlBackupHook
        from slipway.hooks.postgres.state import DatabaseStateHook

        environment = release.policy.environments[self.environment]
        database = release.policy.database(self.environment)
        with closing(CloudSqlBackupHook(gcp_conn_id=self.gcp_conn_id)) as cloud_sql:
            disk = cloud_sql.disk_bytes(project_id=environment.project_id, instance=database.instance)
        used, rewritten = DatabaseStateHook(database.connection).sizes(tables)
        return require_room(
            database.instance,
            tables,
            disk=disk,
            used=used,
            rewritten=rewritten,
            minimum_free_percent=release.policy.schema_rules.minimum_free_percent,
        )


class MigrateSchemaOperator(SchemaOperator):
    """Apply the schema migrations that are due, and verify what they left; skipped when none was.

    :param environment: ``staging`` or ``production``.
    :raises ReleaseConflict: when the release is closed or its rollback has begun, also between migrations.
    :raises SchemaContractBroken: when a version would meet a schema that it cannot run on.
    :raises MigrationFailed: naming the migration and what the database said.
    :raises SchemaUnexpected: when the schema is not what it should be.
    """

    def execute(self, context: Context) -> list[str]:
        """Return the migrations that were applied now."""
        release = self.release(context)
        policy, hook = release.policy, self.schema_hook(release)
        identity = identity_of(policy, self.environment)
        plan = self.due(release, hook.applied(identity))
        for line in require_migratable(policy, self.environment, plan.due, self._rehearsed(release)):
            self.log.warning("Production was changed since the backup, and not by a release: %s", line)
        applied = hook.migrate(
            migrations_directory(policy),
            pace=policy.schema_rules.pace,
            identity=identity,
            only=[migration.name for migration in plan.due],
            report=lambda progress: self._report(release, progress),
            # Somebody may order the rollback of the database while this one runs.
            require=lambda: require_ongoing(self.release(context), self.ledger.entries(release.release_id)),
        )
        self._verify(release)
        present = {was.name: str(was.runs_with) for was in hook.applied(identity)}
        self.record(
            release,
            SchemaMigrated(
                environment=self.environment, applied=tuple(applied), present=present, held=plan.held
            ),
        )
        if not applied:
            raise AirflowSkipException(f"no migration is due in {self.environment}")
        return applied

    def _verify(self, release: Release) -> None:
        """Compare what production's migrations left with their rehearsal; staging's are not rehearsed."""
        connection = release.policy.database(self.environment).connection
        rehearsed = self._rehearsed(release)
        if self.environment == "production" and (rehearsed is None or rehearsed.catalog is None):
            raise DatabaseNotReady(
                f"release {release.release_id}: no rehearsal is on record to compare production with; "
                "rehearse the migrations first"
            )
        before = None if rehearsed is None else rehearsed.before
        named = names_in(read_migrations(migrations_directory(release.policy)))
        catalog = sound_catalog(connection, None if before is None else named)
        if rehearsed is not None:
            require_rehearsed_catalog(
                recorded(rehearsed.catalog), catalog, None if before is None else recorded(before)
            )

    def _rehearsed(self, release: Release) -> MigrationsRehearsed | None:
        if self.environment != "production":
            return None
        return self.ledger.get(release.release_id, MigrationsRehearsed, environment="production")

    def _report(self, release: Release, progress: BackfillProgress) -> None:
        passed = max((percent for percent in REPORT_PERCENTS if percent <= progress.percent), default=0)
        if passed:
            self.record(
                release,
                BackfillProgressed(
                    environment=self.environment,
                    migration=progress.migration,
                    percent=passed,
                    rows=progress.rows,
                    total=progress.total,
                ),
            )
