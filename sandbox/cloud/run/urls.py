"""Which data plane port is which service's or tag's URL."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sandbox.cloud.data_plane.haproxy_socket import DataPlaneError
from sandbox.supervisor.settings import HOST


class Urls:
    """Gives ports to services and tags; a tag that comes back gets its old one unless somebody needed it.

    :param ports: the data plane's ports.
    """

    def __init__(self, ports: range) -> None:
        self._ports = ports
        self._taken: dict[tuple[str, str], int] = {}
        self._released: list[tuple[str, str]] = []

    def port(self, service: str, tag: str = "") -> int:
        """Port of a service's URL, or of one of its tags.

        :param service: full name.
        :param tag: tag of a revision; empty for the service itself.
        :raises DataPlaneError: no port is left.
        """
        key = (service, tag)
        if key in self._released:
            self._released.remove(key)
        if key not in self._taken:
            self._taken[key] = self._free_port()
        return self._taken[key]

    def url(self, service: str, tag: str = "") -> str:
        """URL of a service, or of one of its tags."""
        return f"http://{HOST}:{self.port(service, tag)}"

    def service_of(self, port: int) -> str | None:
        """Full name of the service that a port belongs to."""
        return next((service for (service, _), taken in self._taken.items() if taken == port), None)

    def tags(self, service: str) -> list[str]:
        """A service's tags that have a port in use."""
        return [
            tag for name, tag in self._taken if name == service and tag and (name, tag) not in self._released
        ]

    def release(self, service: str, tag: str = "") -> None:
        """Allow a port to be given to somebody else."""
        if (service, tag) in self._taken and (service, tag) not in self._released:
            self._released.append((service, tag))

    def dump(self) -> list[Any]:
        """Everything as JSON values, for ``load``."""
        return [[service, tag, port] for (service, tag), port in self._taken.items()]

    def load(self, stored: list[Any], live: Mapping[str, Any]) -> None:
        """Take over what ``dump`` gave.

        :param stored: the URLs, as they were saved.
        :param live: services that still exist; other services' ports are free.
        """
        for service, tag, port in stored:
            if port in self._ports:
                self._taken[service, tag] = port
                if service not in live:
                    self._released.append((service, tag))

    def _free_port(self) -> int:
        free = sorted(set(self._ports) - set(self._taken.values()))
        if free:
            return free[0]
        if not self._released:
            raise DataPlaneError(f"all {len(self._ports)} URLs of the data plane are in use")
        return self._taken.pop(self._released.pop(0))
