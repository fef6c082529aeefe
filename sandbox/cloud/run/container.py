"""The container of a revision: its command and its environment."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from sandbox.cloud.api_errors import ApiError
from sandbox.cloud.run.conditions import FAILED_PRECONDITION, Failure, Reason
from sandbox.cloud.run.names import ServiceName, short
from sandbox.supervisor.settings import HOST, REPOSITORY, Settings

STARTED_BY = {"SLIPWAY_STARTED_BY": "sandbox.cloud"}
"""Marks every process that the cloud starts, so that a later start finds leftovers of one that was killed."""

_INHERITED = ("PATH", "HOME", "LANG", "TMPDIR", "TZ")


class SecretResolver(Protocol):
    """Where secrets come from when an instance starts."""

    def resolve(self, project: str, secret: str, version: str) -> bytes:
        """Return a secret's payload.

        :param project: project id.
        :param secret: name of the secret.
        :param version: a number or ``latest``.
        :raises ApiError: it cannot be accessed.
        """
        ...


class NotStartedError(Exception):
    """A revision's instance cannot start.

    :param failure: what the revision's condition says.
    """

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


@dataclass(frozen=True)
class ImageConfig:
    """The part of an OCI image config that starting it needs.

    :param command: ``Entrypoint`` and ``Cmd``.
    :param environment: ``Env``.
    """

    entrypoint: tuple[str, ...]
    command: tuple[str, ...]
    environment: Mapping[str, str]


def process_environment(settings: Settings) -> dict[str, str]:
    """Environment of every process that the cloud starts."""
    inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    own = {
        "SLIPWAY_HOME": str(settings.home),
        "SLIPWAY_PORT_BASE": str(settings.port_base),
        "SLIPWAY_HOST": HOST,
    }
    return inherited | own | STARTED_BY


def arguments(container: Any, image: ImageConfig) -> list[str]:
    """Command line of a container; ``python`` is the interpreter running now."""
    entrypoint = list(container.command) or list(image.entrypoint)
    command = list(container.args) or ([] if container.command else list(image.command))
    line = [*entrypoint, *command]
    return [sys.executable, *line[1:]] if line and line[0] == "python" else line


def memory_limit(container: Any) -> int:
    """Return a container's memory limit in bytes; Cloud Run's 512 MiB when it states none.

    :param container: the container of a revision.
    :raises ValueError: it is not a quantity.
    """
    quantity = container.resources.limits.get("memory", "512Mi")
    match = re.fullmatch(r"([0-9]+)(?:([KMGT])(i?))?", quantity)
    if match is None:
        raise ValueError(f"{quantity!r} is not a quantity such as 512Mi or 1Gi")
    amount, unit, binary = match.groups()
    power = " KMGT".index(unit) if unit else 0
    return int(amount) * int((1024 if binary else 1000) ** power)


def environment(
    revision: Any, image: ImageConfig, secrets: SecretResolver, settings: Settings, port: int
) -> dict[str, str]:
    """Environment of a new instance; secrets are read now.

    :param revision: the revision.
    :param image: what the image runs.
    :param secrets: reads the secrets that the revision mounts.
    :param settings: where the sandbox lives, and its ports.
    :param port: port on loopback.
    :raises NotStartedError: a secret cannot be accessed.
    """
    name = ServiceName.parse(revision.name)
    return variables(revision.containers[0], name.project, image, secrets, settings) | {
        "PORT": str(port),
        "K_SERVICE": name.service,
        "K_REVISION": short(revision.name),
        "K_CONFIGURATION": name.service,
    }


def variables(
    container: Any, project: str, image: ImageConfig, secrets: SecretResolver, settings: Settings
) -> dict[str, str]:
    """Variables of a container, of a service or of a job, beside those that say what it is.

    :param container: the container.
    :param project: id of the project that it runs in.
    :param image: what the image runs.
    :param secrets: reads the secrets that it mounts.
    :param settings: where the sandbox lives, and its ports.
    :raises NotStartedError: a secret cannot be accessed.
    """
    values = process_environment(settings) | dict(image.environment)
    for variable in container.env:
        reference = variable.value_source.secret_key_ref
        if not reference.secret:
            values[variable.name] = variable.value
            continue
        version = reference.version or "latest"
        try:
            # a reference to another project's secret carries the whole name
            owner = reference.secret.split("/")[1] if "/" in reference.secret else project
            values[variable.name] = secrets.resolve(owner, short(reference.secret), version).decode()
        except (ApiError, UnicodeDecodeError) as error:
            message = f"Secret {reference.secret}/versions/{version} cannot be accessed: {error}"
            raise NotStartedError(
                Failure(FAILED_PRECONDITION, message, Reason.SECRETS_ACCESS_CHECK_FAILED)
            ) from error
    # On Google Cloud a product finds the APIs by their public names.
    google = f"http://{HOST}:{settings.google_port}"
    return values | {
        "SECRET_MANAGER_ENDPOINT": google,
        "STORAGE_EMULATOR_HOST": google,
        "PYTHONPATH": str(REPOSITORY),
        "PYTHONUNBUFFERED": "1",
    }
