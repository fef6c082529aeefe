"""Secret Manager v1, served to the official client: secrets, their versions and the versions' states."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import re
import threading
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import google_crc32c
from google.cloud import secretmanager_v1 as api
from google.cloud.secretmanager_v1.services.secret_manager_service.transports.rest_base import (
    _BaseSecretManagerServiceRestTransport,
)
from google.protobuf import empty_pb2
from starlette.routing import Route

from sandbox.cloud import transcoding
from sandbox.cloud.api_errors import (
    AlreadyExistsError,
    FailedPreconditionError,
    InvalidArgumentError,
    NotFoundError,
)

MAX_PAYLOAD_BYTES = 65536
_SECRET_ID = re.compile(r"[A-Za-z0-9_-]{1,255}")
_ALIAS = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,62}")
_STATE_FILTER = re.compile(r"state[:=](ENABLED|DISABLED|DESTROYED)", re.IGNORECASE)


@dataclass
class _Version:
    state: str
    created: str
    payload: str | None
    checksum_given: bool = False
    destroyed: str | None = None


@dataclass
class _Secret:
    created: str
    labels: dict[str, str] = field(default_factory=dict)
    versions: list[_Version] = field(default_factory=list)
    aliases: dict[str, int] = field(default_factory=dict)
    changes: int = 0

    @property
    def etag(self) -> str:
        return f'"{self.changes}"'


class SecretManager:
    """All secrets of all projects of the sandbox.

    :param path: JSON file (mode 0600) that holds them between starts; None keeps them in memory.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        # The Cloud Run stand-in reads from worker threads while the API writes from the event loop.
        self._lock = threading.RLock()
        self._secrets: dict[str, _Secret] = {}
        if path is not None and path.exists():
            self._secrets = {name: _read(stored) for name, stored in json.loads(path.read_text()).items()}

    def access(self, name: str) -> bytes:
        """Return the payload of ``projects/*/secrets/*/versions/<number or latest>``.

        :param name: full name of the secret version.
        :raises NotFoundError: no such secret or version.
        :raises FailedPreconditionError: the version is disabled or destroyed.
        """
        with self._lock:
            number, version = self._version(name)
            if version.state != "ENABLED" or version.payload is None:
                raise FailedPreconditionError(
                    f"Secret Version [{_numbered(name, number)}] is in {version.state} state."
                )
            return base64.b64decode(version.payload)

    def routes(self) -> list[Route]:
        """Routes of the methods served, as the official REST client addresses them."""
        methods: dict[str, tuple[Any, Callable[[Any], Any]]] = {
            "CreateSecret": (api.CreateSecretRequest, self._create_secret),
            "GetSecret": (api.GetSecretRequest, lambda r: self._secret_message(r.name)),
            "ListSecrets": (api.ListSecretsRequest, self._list_secrets),
            "UpdateSecret": (api.UpdateSecretRequest, self._update_secret),
            "DeleteSecret": (api.DeleteSecretRequest, self._delete_secret),
            "AddSecretVersion": (api.AddSecretVersionRequest, self._add_version),
            "GetSecretVersion": (api.GetSecretVersionRequest, lambda r: self._version_message(r.name)),
            "ListSecretVersions": (api.ListSecretVersionsRequest, self._list_versions),
            "AccessSecretVersion": (api.AccessSecretVersionRequest, self._access_version),
            "DisableSecretVersion": (
                api.DisableSecretVersionRequest,
                lambda r: self._set_state(r.name, "DISABLED"),
            ),
            "EnableSecretVersion": (
                api.EnableSecretVersionRequest,
                lambda r: self._set_state(r.name, "ENABLED"),
            ),
            "DestroySecretVersion": (
                api.DestroySecretVersionRequest,
                lambda r: self._set_state(r.name, "DESTROYED"),
            ),
        }
        return transcoding.routes(
            _BaseSecretManagerServiceRestTransport,
            {method: (message, self._locked(handler)) for method, (message, handler) in methods.items()},
        )

    def _locked(self, handler: Callable[[Any], Any]) -> Callable[[Any], Any]:
        def call(request: Any) -> Any:
            with self._lock:
                return handler(request)

        return call

    def _create_secret(self, request: Any) -> Any:
        if not _SECRET_ID.fullmatch(request.secret_id):
            raise InvalidArgumentError(
                f"secret_id {request.secret_id!r}: must be 1 to 255 letters, digits, '-' or '_'"
            )
        if "replication" not in request.secret:
            raise InvalidArgumentError("secret.replication: must be set (automatic or user managed)")
        name = f"{request.parent}/secrets/{request.secret_id}"
        if name in self._secrets:
            raise AlreadyExistsError(f"Secret [{name}] already exists.")
        self._secrets[name] = _Secret(created=_now(), labels=dict(request.secret.labels))
        self._save()
        return self._secret_message(name)

    def _update_secret(self, request: Any) -> Any:
        secret = self._secret(request.secret.name)
        if list(request.update_mask.paths) != ["version_aliases"]:
            raise InvalidArgumentError(
                f"update_mask {list(request.update_mask.paths)}: only version_aliases is supported"
            )
        if request.secret.etag and request.secret.etag != secret.etag:
            raise FailedPreconditionError(f"Secret [{request.secret.name}]: etag does not match.")
        aliases = {alias: int(number) for alias, number in request.secret.version_aliases.items()}
        for alias, number in aliases.items():
            if not _ALIAS.fullmatch(alias) or alias == "latest":
                raise InvalidArgumentError(f"version alias {alias!r}: must be letters, digits, '-', '_'")
            if not 1 <= number <= len(secret.versions):
                raise InvalidArgumentError(f"version alias {alias}: there is no version {number}")
        secret.aliases, secret.changes = aliases, secret.changes + 1
        self._save()
        return self._secret_message(request.secret.name)

    def _delete_secret(self, request: Any) -> empty_pb2.Empty:
        self._secret(request.name)
        del self._secrets[request.name]
        self._save()
        return empty_pb2.Empty()

    def _add_version(self, request: Any) -> Any:
        secret = self._secret(request.parent)
        payload = request.payload
        if len(payload.data) > MAX_PAYLOAD_BYTES:
            raise InvalidArgumentError(
                f"payload of {len(payload.data)} bytes: at most {MAX_PAYLOAD_BYTES} are allowed"
            )
        if "data_crc32c" in payload and payload.data_crc32c != google_crc32c.value(payload.data):
            raise InvalidArgumentError("payload.data_crc32c: does not match payload.data")
        encoded = base64.b64encode(payload.data).decode()
        secret.versions.append(_Version("ENABLED", _now(), encoded, "data_crc32c" in payload))
        self._save()
        return self._version_message(f"{request.parent}/versions/{len(secret.versions)}")

    def _access_version(self, request: Any) -> Any:
        data = self.access(request.name)
        number, _ = self._version(request.name)
        payload = api.SecretPayload(data=data, data_crc32c=google_crc32c.value(data))
        return api.AccessSecretVersionResponse(name=_numbered(request.name, number), payload=payload)

    def _set_state(self, name: str, state: str) -> Any:
        _, version = self._version(name)
        if version.state == "DESTROYED":
            raise FailedPreconditionError(f"Secret Version [{name}] is in DESTROYED state.")
        version.state = state
        if state == "DESTROYED":
            version.payload, version.destroyed = None, _now()
        self._save()
        return self._version_message(name)

    def _list_secrets(self, request: Any) -> Any:
        names = sorted(n for n in self._secrets if n.startswith(f"{request.parent}/secrets/"))
        page, token = _page(names, request)
        return api.ListSecretsResponse(
            secrets=[self._secret_message(name) for name in page],
            next_page_token=token,
            total_size=len(names),
        )

    def _list_versions(self, request: Any) -> Any:
        versions = self._secret(request.parent).versions
        wanted = _STATE_FILTER.fullmatch(request.filter)
        if request.filter and not wanted:
            raise InvalidArgumentError(f"filter {request.filter!r}: only state:<STATE> is supported")
        numbers = [
            i for i, v in enumerate(versions, 1) if wanted is None or v.state == wanted.group(1).upper()
        ]
        page, token = _page(numbers[::-1], request)
        return api.ListSecretVersionsResponse(
            versions=[self._version_message(f"{request.parent}/versions/{number}") for number in page],
            next_page_token=token,
            total_size=len(numbers),
        )

    def _secret(self, name: str) -> _Secret:
        if name not in self._secrets:
            raise NotFoundError(f"Secret [{name}] not found.")
        return self._secrets[name]

    def _version(self, name: str) -> tuple[int, _Version]:
        parent, _, label = name.rpartition("/versions/")
        versions = self._secret(parent).versions
        # "latest" is the newest version whatever its state, as on Google's side.
        number = int(label) if label.isdecimal() else self._secret(parent).aliases.get(label, 0)
        if label == "latest":
            number = len(versions)
        if not 1 <= number <= len(versions):
            raise NotFoundError(f"Secret Version [{name}] not found.")
        return number, versions[number - 1]

    def _secret_message(self, name: str) -> Any:
        secret = self._secret(name)
        return api.Secret(
            name=name,
            create_time=datetime.fromisoformat(secret.created),
            labels=secret.labels,
            version_aliases=secret.aliases,
            etag=secret.etag,
            replication=api.Replication(automatic=api.Replication.Automatic()),
        )

    def _version_message(self, name: str) -> Any:
        number, version = self._version(name)
        return api.SecretVersion(
            name=_numbered(name, number),
            state=getattr(api.SecretVersion.State, version.state),
            create_time=datetime.fromisoformat(version.created),
            destroy_time=datetime.fromisoformat(version.destroyed) if version.destroyed else None,
            client_specified_payload_checksum=version.checksum_given,
        )

    def _save(self) -> None:
        if self._path is None:
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        draft = self._path.with_suffix(".draft")
        with contextlib.suppress(FileNotFoundError):
            draft.unlink()
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            json.dump({name: asdict(secret) for name, secret in self._secrets.items()}, file)
        draft.replace(self._path)


def _read(stored: dict[str, Any]) -> _Secret:
    versions = [_Version(**version) for version in stored["versions"]]
    return _Secret(**{**stored, "versions": versions})


def _numbered(name: str, number: int) -> str:
    return f"{name.rpartition('/')[0]}/{number}"


def _now() -> str:
    return datetime.now(UTC).isoformat()


def _page(items: Iterable[Any], request: Any) -> tuple[list[Any], str]:
    """Cut the page a list request asks for; the token is the offset of the next one."""
    everything = list(items)
    start = int(request.page_token) if request.page_token.isdecimal() else 0
    end = start + (request.page_size or 25000)
    return everything[start:end], str(end) if end < len(everything) else ""
