"""Operators that write configuration and feature flags to Secret Manager."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.sdk.exceptions import AirflowSkipException

from slipway.ledger.entries import ConfigurationWritten
from slipway.operators.base import EnvironmentOperator, release_or_skip
from slipway.release.configuration import ConfigurationStore, table
from slipway.release.rollback.flags import reason_to_keep_flags, roll_back_flags
from slipway.release.untouched import require_ongoing

if TYPE_CHECKING:
    from airflow.sdk import Context

    from slipway.ledger.ledger import Release


class WriteConfigurationOperator(EnvironmentOperator):
    """Write the policy's configuration documents; revisions mount them by version number.

    The version that the serving revision mounts stays as it is, enabled, for a rollback. Skipped when no
    setting changes: the versions go on record all the same.

    :param environment: ``staging`` or ``production``.
    :raises ReleaseConflict: when the release is closed or its rollback has begun.
    :raises SecretUnavailable: when it is not enabled, so that a rollback could start no instance, and the
        release does not declare what serves broken.
    """

    def absent(self, release: Release) -> str | None:
        """Say why no document is written."""
        none = None if release.policy.configuration else "the policy has no document (configuration)"
        return super().absent(release) or none

    def execute(self, context: Context) -> dict[str, int]:
        """Return the version number per document."""
        release = self.release(context)
        require_ongoing(release, self.ledger.entries(release.release_id))
        store = ConfigurationStore(release, self.environment, self.cloud_run, self.gcp_conn_id)
        running = store.running_enabled(stable_is_broken=release.plan.stable_is_broken)
        written = store.write(running)
        self.log.info("configuration of %s:\n%s", self.environment, table(written.changes))
        self.record(release, ConfigurationWritten(environment=self.environment, **written.as_fields()))
        if not written.changes:
            raise AirflowSkipException(f"no setting of {self.environment} changes")
        return dict(written.versions)


class RollBackFlagsOperator(EnvironmentOperator):
    """Return the flags to where they were when the release began (:mod:`slipway.release.rollback.flags`).

    Which revision follows a version written is on record; one that does not keeps its flags until it is
    deployed again. Skipped when the release never wrote configuration to this environment, and in a later
    region: the secrets are all regions', and the earlier ones keep the version.

    :param environment: ``staging`` or ``production``.
    """

    def execute(self, context: Context) -> dict[str, int]:
        """Return the version number per document."""
        release = release_or_skip(self, context)
        kept = reason_to_keep_flags(release, self.ledger, self.environment)
        if kept is not None:
            raise AirflowSkipException(kept)
        rolled_back = roll_back_flags(
            release, self.cloud_run, self.ledger, self.environment, gcp_conn_id=self.gcp_conn_id
        )
        self.log.info("configuration of %s:\n%s", self.environment, table(rolled_back.changes))
        self.record(release, rolled_back)
        return dict(rolled_back.versions)
