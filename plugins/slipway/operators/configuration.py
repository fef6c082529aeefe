"""Operators that write configuration and feature flags to Secret Manager."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowSkipException

from slipway.exceptions import SecretUnavailable, ServiceNotFound
from slipway.operators.base import EnvironmentOperator
from slipway.release.configuration import changes, parse_payload, table

if TYPE_CHECKING:
    from airflow.sdk import Context

    from slipway.hooks.secret_manager import SecretVersionHook
    from slipway.ledger.ledger import Release

ROLLBACK_ALIAS = "rollback"


@dataclass(frozen=True)
class Running:
    """The version of a document that the serving revision mounts.

    :param version: its number, or ``latest`` when whoever deployed the revision did not pin it.
    :param state: ``ENABLED``, ``DISABLED`` or ``DESTROYED``.
    :param content: None when the version cannot be read, or its payload is no JSON object.
    :param follows: whether the revision was told where the document is, and follows a rollback of it.
    """

    version: str
    state: str
    content: Mapping[str, Any] | None
    follows: bool


class ConfigurationOperator(EnvironmentOperator):
    """Base: writes configuration documents as secret versions; the same content is not written twice.

    :param environment: ``staging`` or ``production``.
    """

    @cached_property
    def secrets(self) -> SecretVersionHook:
        """The door to Secret Manager."""
        from slipway.hooks.secret_manager import SecretVersionHook

        return SecretVersionHook(gcp_conn_id=self.gcp_conn_id)

    def running(self, release: Release, documents: Sequence[str]) -> Mapping[str, Running]:
        """Return what the serving revisions read now; a document that none of them mounts is left out."""
        mounted = self._mounted(release)
        return {name: self._read(release, name, mounted[name]) for name in documents if name in mounted}

    def _read(self, release: Release, document: str, mounted: tuple[str, bool]) -> Running:
        version, follows = mounted
        where: dict[str, Any] = {**self._secret(release, document), "version": version}
        state = self.secrets.version_state(**where)
        content = parse_payload(self.secrets.access(**where)) if state == "ENABLED" else None
        return Running(version, state, content, follows)

    def _mounted(self, release: Release) -> Mapping[str, tuple[str, bool]]:
        """Return by document the version that serves, and whether its revision follows a rollback."""
        from slipway.hooks.cloud_run.hook import secrets_of, variables_of

        environment = release.policy.environments[self.environment]
        found: dict[str, tuple[str, bool]] = {}
        for service in release.policy.services.values():
            name = service.names[self.environment]
            revision = self._serving(release, name) if service.secrets else None
            if revision is None:
                continue
            serving = self.cloud_run.get_revision(
                project_id=environment.project_id,
                location=environment.location,
                service=name,
                revision=revision,
            )
            references, variables = secrets_of(serving), variables_of(serving)
            for variable, document in service.secrets.items():
                secret, _, version = references.get(variable, "").rpartition(":")
                if secret.rpartition("/")[2] == environment.secret(document):
                    found.setdefault(document, (version, f"{variable}_REFERENCE" in variables))
        return found

    def _serving(self, release: Release, service: str) -> str | None:
        from slipway.hooks.cloud_run.hook import serving_split

        if service in release.stable:
            return next(iter(release.stable[service]), None)
        environment = release.policy.environments[self.environment]
        try:
            live = self.cloud_run.get_service(
                project_id=environment.project_id, location=environment.location, service=service
            )
        except ServiceNotFound:
            return None
        split = serving_split(live)
        return max(split, key=lambda revision: split[revision], default=None)

    def _secret(self, release: Release, document: str) -> dict[str, str]:
        environment = release.policy.environments[self.environment]
        return {"project_id": environment.project_id, "secret": environment.secret(document)}

    def write(
        self, release: Release, running: Mapping[str, Running], *, rolled_back: bool = False
    ) -> dict[str, Any]:
        """Write documents; return the version of each, the one that serves, and what changes between them.

        :param running: what the serving revisions read, by document.
        :param rolled_back: write what the policy changes on a rollback, as a rollback writes it.
        """
        documents = {
            name: document
            for name, document in release.policy.configuration.items()
            if document.rolls_back or not rolled_back
        }
        contents = {name: running[name].content if name in running else None for name in documents}
        found = [
            change.as_payload()
            for name, document in documents.items()
            for change in changes(name, document, contents[name], rolled_back=rolled_back)
        ]
        self.log.info("configuration of %s:\n%s", self.environment, table(found))
        versions = {
            name: self.secrets.add_version(
                **self._secret(release, name), data=document.payload(contents[name], rolled_back=rolled_back)
            )
            for name, document in documents.items()
        }
        serving = {name: version.version for name, version in running.items()}
        return {"versions": versions, "serving": serving, "changes": found}


class WriteConfigurationOperator(ConfigurationOperator):
    """Write the policy's configuration documents; revisions mount them by version number.

    The version that the serving revision mounts stays as it is, enabled, for a rollback.

    :raises SecretUnavailable: when it is not enabled: a rollback could then start no instance.
    """

    def execute(self, context: Context) -> dict[str, int]:
        """Return the version number per document."""
        release = self.release(context)
        running = self.running(release, list(release.policy.configuration))
        for name, found in running.items():
            if found.state != "ENABLED":
                secret = self._secret(release, name)["secret"]
                raise SecretUnavailable(
                    f"secret {secret} version {found.version}: is {found.state}, but the serving revision "
                    "mounts it, and a rollback would; enable it, or deploy a revision that mounts another"
                )
        written = self.write(release, running)
        self.record(release, f"configured/{self.environment}", **written)
        versions: dict[str, int] = written["versions"]
        return versions


class RollBackFlagsOperator(ConfigurationOperator):
    """Write what the policy changes on a rollback, and let the alias ``rollback`` name it.

    A revision mounts its version by number, so that writing another reaches nothing that runs. A product that
    was told where its document is (``<VARIABLE>_REFERENCE``) follows the alias while the version there is
    newer than its own: the revision that serves again switches over within seconds, and the next release,
    whose version is newer still, does not. Which revision follows is on record; one that does not keeps its
    flags until it is deployed again.

    Skipped when the release never wrote configuration to this environment, and in a later region: the secrets
    are all regions', and the earlier ones keep the version. What serves again mounts its own flags.
    """

    def execute(self, context: Context) -> dict[str, int]:
        """Return the version number per document."""
        release = self.release_or_skip(context)
        if self.ledger.entry(release.release_id, f"configured/{self.environment}") is None:
            raise AirflowSkipException(f"release {release.release_id}: wrote no configuration")
        if release.plan.follows is not None:
            # The secret's alias reaches every region: the earlier ones keep the version, and its flags.
            raise AirflowSkipException(
                f"release {release.release_id}: the regions before it keep their flags"
            )
        running = self.running(release, list(release.policy.configuration))
        written = self.write(release, running, rolled_back=True)
        versions: dict[str, int] = written["versions"]
        for document, version in versions.items():
            self.secrets.point_alias(**self._secret(release, document), alias=ROLLBACK_ALIAS, version=version)
        follows = {name: name in running and running[name].follows for name in versions}
        self.record(release, f"rolled_back/flags/{self.environment}", **written, serving_follows=follows)
        return versions
