"""The product's configuration: what serves, what a release writes, and what changes between the two.

A secret is never shown, and neither is the value of a key that the policy does not know: it may be one.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from slipway.exceptions import SecretUnavailable
from slipway.ledger.entries import ConfigurationChange
from slipway.policy.configuration import Document
from slipway.policy.release import EnvironmentName
from slipway.release.address import service_address
from slipway.release.serving_versions import Begun, serving_revision

if TYPE_CHECKING:
    from slipway.hooks.cloud_run.hook import CloudRunTrafficHook
    from slipway.hooks.secret_manager import SecretVersionHook

ROLLBACK_ALIAS = "rollback"
"""Names the version that a revision which mounts an older one follows."""
HIDDEN = "(not shown)"
ABSENT = "(absent)"


def parse_payload(data: bytes) -> Mapping[str, Any] | None:
    """Read a document as it is kept in Secret Manager.

    :param data: payload of a version.
    :return: None when it is no JSON object; why not is left out: the parser's message would carry the text.
    """
    try:
        content = json.loads(data)
    except ValueError:
        return None
    return content if isinstance(content, dict) else None


def changes(
    name: str, document: Document, running: Mapping[str, Any] | None, after: Mapping[str, Any] | None = None
) -> list[ConfigurationChange]:
    """Compare what serves now with what will serve.

    :param name: of the document.
    :param document: as the policy has it.
    :param running: content that is in force; None when there is none.
    :param after: content that will be; left out, the policy's.
    """
    return list(_changes(name, document, running or {}, document.content() if after is None else after))


def _changes(
    name: str, document: Document, before: Mapping[str, Any], after: Mapping[str, Any]
) -> Iterator[ConfigurationChange]:
    kept = set(document.secrets) - after.keys()
    for key in [*after, *(key for key in before if key not in after and key not in kept)]:
        if key not in before or key not in after or before[key] != after[key]:
            yield ConfigurationChange(
                document=name,
                key=key,
                before=_text(document, key, before),
                after=_text(document, key, after),
                unit=document.unit(key) if key in document.settings else "",
            )


def _text(document: Document, key: str, content: Mapping[str, Any]) -> str:
    if key not in content:
        return ABSENT
    if key not in document.settings or key in document.secrets:
        return HIDDEN
    value = content[key]
    return json.dumps(value) if isinstance(value, bool) else str(value)


def table(found: Sequence[ConfigurationChange]) -> str:
    """Render changes as a Markdown table.

    :param found: the settings that change.
    """
    if not found:
        return "No setting changes."
    rows = ["| document | key | now | new | unit |", "|-|-|-|-|-|"]
    columns = ("document", "key", "before", "after", "unit")
    rows += [
        "| " + " | ".join(_cell(getattr(change, column)) for column in columns) + " |" for change in found
    ]
    return "\n".join(rows)


def _cell(text: str) -> str:
    return text.replace("\\", "\\\\").replace("|", "\\|").replace("\n", " ")


@dataclass(frozen=True)
class Running:
    """A document as the serving revision reads it.

    :param version: number of the version that it mounts, or ``latest`` when whoever deployed the revision did
        not pin it.
    :param state: of that version: ``ENABLED``, ``DISABLED`` or ``DESTROYED``.
    :param in_force: number of the version that it goes by: the mounted one, or the newer one that the alias
        ``rollback`` names, where it follows.
    :param content: of the version in force; None when it cannot be read, or its payload is no JSON object.
    :param follows: whether the revision knows where the document is, and follows a rollback of it.
    """

    version: str
    state: str
    in_force: str
    content: Mapping[str, Any] | None
    follows: bool


@dataclass(frozen=True)
class Written:
    """Documents written as secret versions.

    :param versions: number of the version by document.
    :param serving: the version that the serving revision goes by, by document that it mounts.
    :param changes: what changes between the two, as it is put on record.
    """

    versions: Mapping[str, int]
    serving: Mapping[str, str]
    changes: tuple[ConfigurationChange, ...]

    def as_fields(self) -> dict[str, Any]:
        """Return the fields of the ledger entry."""
        return {"versions": self.versions, "serving": self.serving, "changes": self.changes}


class ConfigurationStore:
    """The configuration documents of one environment, in Secret Manager and in the revisions that mount them.

    :param release: whose policy has the documents.
    :param environment: ``staging`` or ``production``.
    :param cloud_run: the door to Cloud Run.
    :param gcp_conn_id: connection to Google Cloud.
    """

    def __init__(
        self, release: Begun, environment: EnvironmentName, cloud_run: CloudRunTrafficHook, gcp_conn_id: str
    ) -> None:
        self.release = release
        self.name = environment
        self.cloud_run = cloud_run
        self.gcp_conn_id = gcp_conn_id
        self.environment = release.policy.environments[environment]

    @cached_property
    def secrets(self) -> SecretVersionHook:
        """The door to Secret Manager."""
        from slipway.hooks.secret_manager import SecretVersionHook

        return SecretVersionHook(gcp_conn_id=self.gcp_conn_id)

    def secret(self, document: str) -> dict[str, str]:
        """Return the project and the name of a document's secret.

        :param document: its name in the policy.
        """
        return {"project_id": self.environment.project_id, "secret": self.environment.secret(document)}

    def running(self) -> Mapping[str, Running]:
        """Return what the serving revisions read now; a document that none of them mounts is left out."""
        mounted = self._mounted()
        return {
            name: self._read(name, *mounted[name])
            for name in self.release.policy.configuration
            if name in mounted
        }

    def changes(self, running: Mapping[str, Running]) -> tuple[ConfigurationChange, ...]:
        """Compare what serves now with what the policy writes.

        :param running: what the serving revisions read, by document.
        """
        return tuple(
            change
            for name, document in self.release.policy.configuration.items()
            for change in changes(name, document, running[name].content if name in running else None)
        )

    def running_enabled(self, *, stable_is_broken: bool) -> Mapping[str, Running]:
        """Return what :meth:`running` does, where every version of it can be mounted again.

        :param stable_is_broken: what serves is declared broken: whether it can start is not asked.
        :raises SecretUnavailable: when one is not enabled: a rollback could then start no instance.
        """
        running = self.running()
        for name, found in running.items():
            if found.state != "ENABLED" and not stable_is_broken:
                raise SecretUnavailable(
                    f"secret {self.secret(name)['secret']} version {found.version}: is {found.state}, but the"
                    " serving revision mounts it, and a rollback would; enable it, or deploy a revision that"
                    " mounts another"
                )
        return running

    def read(self, document: str, version: int | str) -> Mapping[str, Any]:
        """Read a version of a document.

        :param document: its name in the policy.
        :param version: number of the version.
        :return: its content; empty when its payload is no JSON object.
        """
        return parse_payload(self.secrets.access(**self.secret(document), version=version)) or {}

    def write(self, running: Mapping[str, Running]) -> Written:
        """Write documents as secret versions; the same content is not written twice.

        :param running: what the serving revisions read, by document.
        :return: what was written, and what changes.
        """
        versions = {
            name: self.secrets.add_version(
                **self.secret(name),
                data=document.payload(running[name].content if name in running else None),
            )
            for name, document in self.release.policy.configuration.items()
        }
        serving = {name: found.in_force for name, found in running.items()}
        return Written(versions, serving, self.changes(running))

    def _read(self, document: str, version: str, follows: bool) -> Running:
        where: dict[str, Any] = self.secret(document)
        state = self.secrets.version_state(**where, version=version)
        in_force = self._in_force(where, version, follows=follows)
        readable = state if version in (in_force, "latest") else "ENABLED"
        content = (
            parse_payload(self.secrets.access(**where, version=in_force)) if readable == "ENABLED" else None
        )
        return Running(version, state, in_force, content, follows)

    def _in_force(self, where: Mapping[str, Any], version: str, *, follows: bool) -> str:
        if version == "latest":
            newest = self.secrets.newest_version(**where)
            return version if newest is None else str(newest)
        alias = self.secrets.aliases(**where).get(ROLLBACK_ALIAS) if follows else None
        if alias is None or alias <= int(version):
            return version
        # A version that cannot be read is not followed.
        enabled = self.secrets.version_state(**where, version=alias) == "ENABLED"
        return str(alias) if enabled else version

    def _mounted(self) -> Mapping[str, tuple[str, bool]]:
        """Return by document the version that serves, and whether its revision follows a rollback."""
        from slipway.hooks.cloud_run.hook import secrets_of, variables_of

        found: dict[str, tuple[str, bool]] = {}
        for service in self.release.policy.services.values():
            name = service.names[self.name]
            revision = (
                serving_revision(self.release, self.name, name, self.cloud_run) if service.secrets else None
            )
            if revision is None:
                continue
            serving = self.cloud_run.get_revision(
                service_address(self.release.policy, name, self.name), revision
            )
            references, variables = secrets_of(serving), variables_of(serving)
            for variable, document in service.secrets.items():
                secret, _, version = references.get(variable, "").rpartition(":")
                if secret.rpartition("/")[2] == self.environment.secret(document):
                    found.setdefault(document, (version, f"{variable}_REFERENCE" in variables))
        return found
