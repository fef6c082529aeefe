"""Operators that write configuration and feature flags to Secret Manager."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.sdk.exceptions import AirflowSkipException

from slipway.exceptions import SecretUnavailable
from slipway.ledger.entries import ConfigurationWritten, FlagsRolledBack
from slipway.operators.base import EnvironmentOperator
from slipway.release.configuration import ConfigurationStore, table

if TYPE_CHECKING:
    from airflow.sdk import Context

ROLLBACK_ALIAS = "rollback"


class WriteConfigurationOperator(EnvironmentOperator):
    """Write the policy's configuration documents; revisions mount them by version number.

    The version that the serving revision mounts stays as it is, enabled, for a rollback.

    :param environment: ``staging`` or ``production``.
    :raises SecretUnavailable: when it is not enabled: a rollback could then start no instance.
    """

    def execute(self, context: Context) -> dict[str, int]:
        """Return the version number per document."""
        release = self.release(context)
        store = ConfigurationStore(release, self.environment, self.cloud_run, self.gcp_conn_id)
        running = store.running()
        for name, found in running.items():
            if found.state != "ENABLED":
                raise SecretUnavailable(
                    f"secret {store.secret(name)['secret']} version {found.version}: is {found.state}, but "
                    "the serving revision mounts it, and a rollback would; enable it, or deploy a revision "
                    "that mounts another"
                )
        written = store.write(running)
        self.log.info("configuration of %s:\n%s", self.environment, table(written.changes))
        self.record(release, ConfigurationWritten(environment=self.environment, **written.as_fields()))
        return dict(written.versions)


class RollBackFlagsOperator(EnvironmentOperator):
    """Write what the policy changes on a rollback, and let the alias ``rollback`` name it.

    A revision mounts its version by number, so that writing another reaches nothing that runs. A product that
    knows where its document is (``<VARIABLE>_REFERENCE``) follows the alias while the version there is
    newer than its own: the revision that serves again switches over within seconds, and the next release,
    whose version is newer still, does not. Which revision follows is on record; one that does not keeps its
    flags until it is deployed again.

    Skipped when the release never wrote configuration to this environment, and in a later region: the secrets
    are all regions', and the earlier ones keep the version. What serves again mounts its own flags.

    :param environment: ``staging`` or ``production``.
    """

    def execute(self, context: Context) -> dict[str, int]:
        """Return the version number per document."""
        release = self.release_or_skip(context)
        if self.ledger.get(release.release_id, ConfigurationWritten, environment=self.environment) is None:
            raise AirflowSkipException(f"release {release.release_id}: wrote no configuration")
        if release.plan.follows is not None:
            # The secret's alias reaches every region: the earlier ones keep the version, and its flags.
            raise AirflowSkipException(
                f"release {release.release_id}: the regions before it keep their flags"
            )
        store = ConfigurationStore(release, self.environment, self.cloud_run, self.gcp_conn_id)
        running = store.running()
        written = store.write(running, rolled_back=True)
        self.log.info("configuration of %s:\n%s", self.environment, table(written.changes))
        for document, version in written.versions.items():
            store.secrets.point_alias(**store.secret(document), alias=ROLLBACK_ALIAS, version=version)
        follows = {name: name in running and running[name].follows for name in written.versions}
        self.record(
            release,
            FlagsRolledBack(environment=self.environment, serving_follows=follows, **written.as_fields()),
        )
        return dict(written.versions)
