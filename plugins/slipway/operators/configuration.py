"""Operators that write configuration and feature flags to Secret Manager."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING

from airflow.sdk.exceptions import AirflowSkipException

from slipway.operators.release import EnvironmentOperator

if TYPE_CHECKING:
    from airflow.sdk import Context

    from slipway.hooks.secret_manager import SecretVersionHook
    from slipway.ledger import Release


class ConfigurationOperator(EnvironmentOperator):
    """Base: writes configuration documents as secret versions; the same content is not written twice.

    :param environment: ``staging`` or ``production``.
    """

    @cached_property
    def secrets(self) -> SecretVersionHook:
        """The door to Secret Manager."""
        from slipway.hooks.secret_manager import SecretVersionHook

        return SecretVersionHook(gcp_conn_id=self.gcp_conn_id)

    def write(self, release: Release, documents: Mapping[str, Mapping[str, str | bool]]) -> dict[str, int]:
        """Write documents and return the version number of each."""
        environment = release.policy.environments[self.environment]
        return {
            document: self.secrets.add_version(
                project_id=environment.project_id,
                secret=f"{environment.secret_prefix}-{document}",
                data=json.dumps(dict(values), sort_keys=True).encode(),
            )
            for document, values in documents.items()
        }


class WriteConfigurationOperator(ConfigurationOperator):
    """Write the policy's configuration documents; revisions mount them by version number."""

    def execute(self, context: Context) -> dict[str, int]:
        """Return the version number per document."""
        release = self.release(context)
        versions = self.write(release, release.policy.configuration)
        self.record(release, f"configured/{self.environment}", versions=versions)
        return versions


class RollBackFlagsOperator(ConfigurationOperator):
    """Write the policy's rollback flags, so that what starts from now on has the feature off.

    Skipped when the release never wrote configuration to this environment.
    """

    def execute(self, context: Context) -> dict[str, int]:
        """Return the version number per document."""
        release = self.release_or_skip(context)
        if self.ledger.entry(release.release_id, f"configured/{self.environment}") is None:
            raise AirflowSkipException(f"release {release.release_id}: wrote no configuration")
        versions = self.write(release, release.policy.rollback_configuration)
        self.record(release, f"rolled_back/flags/{self.environment}", versions=versions)
        return versions
