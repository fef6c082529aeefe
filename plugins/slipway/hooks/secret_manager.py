"""Secret Manager hook: adds a version once per content, and reads versions by number."""

from __future__ import annotations

from typing import Any

from airflow.providers.google.common.hooks.base_google import GoogleBaseHook
from google.api_core import exceptions as google_errors
from google.cloud import secretmanager_v1
from google.protobuf.field_mask_pb2 import FieldMask
from google_crc32c import value as crc32c

from slipway.exceptions import SecretUnavailable
from slipway.hooks.google.calls import READ_SECONDS, attempt_timeout, bounded, reported_as, retry_within
from slipway.hooks.google.endpoint import GoogleEndpointMixin
from slipway.hooks.secret_version import SecretVersion

__all__ = ["SecretVersion", "SecretVersionHook"]


class SecretVersionHook(GoogleEndpointMixin, GoogleBaseHook):
    """Keep secrets in Secret Manager. Payloads are never logged, and are in no error.

    :param gcp_conn_id: Airflow connection; its extra ``api_endpoints.secretmanager`` may name another
        address.
    :param impersonation_chain: service accounts to impersonate, as in ``GoogleBaseHook``.
    """

    endpoint_name = "secretmanager"

    @property
    def client(self) -> Any:
        """The official client."""
        return self.api_client(secretmanager_v1.SecretManagerServiceClient)

    def ensure_secret(self, *, project_id: str, secret: str) -> str:
        """Return a secret's resource name, making the secret without a version when it is absent.

        :param project_id: Google Cloud project.
        :param secret: short name.
        :raises SecretUnavailable: when Secret Manager refuses, or gives no usable answer.
        """
        name = _secret_name(project_id, secret)
        with reported_as(SecretUnavailable, f"secret {name}: cannot be read or made"):
            try:
                self.client.get_secret(name=name, **bounded())
            except google_errors.NotFound:
                self._create(project_id, secret)
        return name

    def add_version(self, *, project_id: str, secret: str, data: bytes) -> int:
        """Return the number of the version that holds ``data``, adding one unless the newest enabled has it.

        A secret that is absent is made. The whole step is repeated when an answer is lost, so that a version
        already added is found again. What was added is read back; its checksum is verified both ways.

        :param project_id: Google Cloud project.
        :param secret: short name.
        :param data: payload, 1 to 65536 bytes.
        :raises SecretUnavailable: when a checksum does not match, or Secret Manager refuses or gives no
            usable answer.
        """
        name = self.ensure_secret(project_id=project_id, secret=secret)

        def add_unless_there() -> int:
            newest = self._newest_enabled(name)
            if newest is not None and self._payload(f"{name}/versions/{newest}") == data:
                return newest
            payload = secretmanager_v1.SecretPayload(data=data, data_crc32c=crc32c(data))
            added = self.client.add_secret_version(
                parent=name, payload=payload, retry=None, timeout=attempt_timeout(READ_SECONDS)
            )
            if not added.client_specified_payload_checksum:
                raise SecretUnavailable(
                    f"{added.name}: Secret Manager did not verify the checksum; disable this version"
                )
            if self._payload(added.name) != data:
                raise SecretUnavailable(f"{added.name}: reads back otherwise than it was written; disable it")
            self.log.info("secret %s: added version %d", name, _number(added.name))
            return _number(added.name)

        with reported_as(SecretUnavailable, f"secret {name}: cannot add a version"):
            version: int = retry_within(READ_SECONDS)(add_unless_there)()
        return version

    def point_alias(self, *, project_id: str, secret: str, alias: str, version: int) -> bool:
        """Let an alias name a version; whoever reads by the alias gets this version from then on.

        :param project_id: Google Cloud project.
        :param secret: short name.
        :param alias: name of the alias, such as ``rollback``.
        :param version: number of the version.
        :return: False when it named this version already.
        :raises SecretUnavailable: when there is no such version, somebody changed the secret at the same
            time, or Secret Manager refuses or gives no usable answer.
        """
        name = _secret_name(project_id, secret)

        def point_unless_there() -> bool:
            current = self.client.get_secret(name=name, retry=None, timeout=attempt_timeout(READ_SECONDS))
            aliases = dict(current.version_aliases)
            if aliases.get(alias) == version:
                return False
            changed = secretmanager_v1.Secret(
                name=name, etag=current.etag, version_aliases=aliases | {alias: version}
            )
            self.client.update_secret(
                secret=changed,
                update_mask=FieldMask(paths=["version_aliases"]),
                retry=None,
                timeout=attempt_timeout(READ_SECONDS),
            )
            self.log.info("secret %s: %s is version %d now", name, alias, version)
            return True

        with reported_as(SecretUnavailable, f"secret {name}: alias {alias} cannot name version {version}"):
            moved: bool = retry_within(READ_SECONDS)(point_unless_there)()
        return moved

    def aliases(self, *, project_id: str, secret: str) -> dict[str, int]:
        """Return the version that each alias of a secret names.

        :param project_id: Google Cloud project.
        :param secret: short name.
        :raises SecretUnavailable: when there is no such secret.
        """
        name = _secret_name(project_id, secret)
        with reported_as(SecretUnavailable, f"secret {name}: cannot be read"):
            return dict(self.client.get_secret(name=name, **bounded()).version_aliases)

    def access(self, *, project_id: str, secret: str, version: int | str) -> bytes:
        """Return a version's payload.

        :param project_id: Google Cloud project.
        :param secret: short name.
        :param version: number of the version.
        :raises SecretUnavailable: when it does not exist, is disabled or destroyed, or does not match its
            checksum.
        """
        name = _version_name(project_id, secret, version)
        with reported_as(SecretUnavailable, f"secret version {name}: cannot be read"):
            return self._payload(name)

    def version_state(self, *, project_id: str, secret: str, version: int | str) -> str:
        """Return a version's state: ``ENABLED``, ``DISABLED`` or ``DESTROYED``.

        :param project_id: Google Cloud project.
        :param secret: short name.
        :param version: number of the version; or ``latest``, the newest one whatever its state, as an
            instance that starts takes it.
        :raises SecretUnavailable: when there is no such version.
        """
        name = _version_name(project_id, secret, version)
        with reported_as(SecretUnavailable, f"secret version {name}: cannot be read"):
            return str(self.client.get_secret_version(name=name, **bounded()).state.name)

    def newest_version(self, *, project_id: str, secret: str) -> int | None:
        """Return the number of the newest version whatever its state, which is ``latest``; None without any.

        :param project_id: Google Cloud project.
        :param secret: short name.
        :raises SecretUnavailable: when there is no such secret.
        """
        name = _secret_name(project_id, secret)
        with reported_as(SecretUnavailable, f"secret {name}: cannot list its versions"):
            versions = self.client.list_secret_versions(parent=name, **bounded())
            return max((_number(version.name) for version in versions), default=None)

    def newest_state(self, *, project_id: str, secret: str) -> str | None:
        """Return the state of a secret's newest version; None without a version, or without such a secret.

        :param project_id: Google Cloud project.
        :param secret: short name.
        :raises SecretUnavailable: when Secret Manager refuses, or gives no usable answer.
        """
        name = _secret_name(project_id, secret)
        with reported_as(SecretUnavailable, f"secret {name}: cannot list its versions"):
            try:
                versions = list(self.client.list_secret_versions(parent=name, **bounded()))
            except google_errors.NotFound:
                return None
        newest = max(versions, key=lambda version: _number(version.name), default=None)
        return None if newest is None else str(newest.state.name)

    def _create(self, project_id: str, secret: str) -> None:
        automatic = secretmanager_v1.Replication(automatic=secretmanager_v1.Replication.Automatic())
        try:
            self.client.create_secret(
                parent=f"projects/{project_id}",
                secret_id=secret,
                secret=secretmanager_v1.Secret(replication=automatic),
                **bounded(),
            )
        except google_errors.Conflict:
            self.log.info("Secret %s already exists: another run or an unanswered attempt created it", secret)

    def _newest_enabled(self, name: str) -> int | None:
        request = secretmanager_v1.ListSecretVersionsRequest(parent=name, filter="state:ENABLED")
        enabled = secretmanager_v1.SecretVersion.State.ENABLED
        versions = self.client.list_secret_versions(request=request, **bounded())
        return max((_number(version.name) for version in versions if version.state == enabled), default=None)

    def _payload(self, name: str) -> bytes:
        payload = self.client.access_secret_version(name=name, **bounded()).payload
        data = bytes(payload.data)
        if payload.data_crc32c != crc32c(data):
            raise SecretUnavailable(
                f"secret version {name}: payload does not match its checksum; read it again"
            )
        return data


def _secret_name(project_id: str, secret: str) -> str:
    return f"projects/{project_id}/secrets/{secret}"


def _version_name(project_id: str, secret: str, version: int | str) -> str:
    return f"{_secret_name(project_id, secret)}/versions/{version}"


def _number(name: str) -> int:
    return int(name.rsplit("/", 1)[-1])
