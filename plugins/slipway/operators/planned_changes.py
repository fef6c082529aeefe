"""The operator that says what a release is going to change in production, before anything of it changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from slipway.ledger.entries import ChangesPlanned
from slipway.operators.database import SchemaOperator
from slipway.release.configuration import ConfigurationStore, table
from slipway.release.new_revision import base_of, planned_changes
from slipway.release.schema import identity_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow.sdk import Context

    from slipway.ledger.ledger import Release


class PlanChangesOperator(SchemaOperator):
    """Compare what serves now with what will serve: revisions, configuration and schema; changes nothing.

    :param environment: ``production``.
    :raises SecretUnavailable: when a version that the serving revision mounts is not enabled, so that a
        rollback could start no instance, and the release does not declare what serves broken.
    """

    def absent(self, release: Release) -> str | None:
        """Compare also without a database."""
        return None

    def execute(self, context: Context) -> None:
        """Put the changes on record, for the approval."""
        release = self.release(context)
        store = ConfigurationStore(release, self.environment, self.cloud_run, self.gcp_conn_id)
        running = store.running_enabled(stable_is_broken=release.plan.stable_is_broken)
        migrations, held = self._schema(release)
        planned = ChangesPlanned(
            environment=self.environment,
            revisions={
                service.names[self.environment]: planned_changes(
                    release,
                    self.environment,
                    key,
                    base_of(release, self.environment, key, self.cloud_run, self.ledger),
                )
                for key, service in release.plan.services.items()
            },
            configuration=store.changes(running),
            migrations=migrations,
            held=held,
        )
        self.log.info("configuration of %s:\n%s", self.environment, table(planned.configuration))
        self.record(release, planned)

    def _schema(self, release: Release) -> tuple[tuple[str, ...], Mapping[str, str]]:
        """Return the migrations that are due, and those that are held with what they wait for."""
        if release.policy.migrations is None:
            return (), {}
        applied = self.schema_hook(release).applied(identity_of(release.policy, self.environment))
        schema = self.due(release, applied)
        return tuple(migration.name for migration in schema.due), schema.held
