"""The state of Cloud Run: the services and revisions of all projects."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from google.cloud import run_v2

from sandbox.cloud.api_errors import NotFoundError
from sandbox.cloud.run.names import ServiceName, short
from sandbox.cloud.stored_message import from_text, to_text


class ServiceRecords:
    """All services and revisions of all projects, to be read; what is given out are copies."""

    def __init__(self) -> None:
        self._services: dict[str, Any] = {}
        self._revisions: dict[str, Any] = {}
        self._revisions_made: dict[str, int] = {}

    def service(self, name: str) -> Any:
        """Return a copy of a service.

        :param name: full name of the service.
        :raises NotFoundError: there is none of this name.
        """
        return run_v2.Service(self._service(name))

    def exists(self, name: str) -> bool:
        """Whether there is a service of this name."""
        return name in self._services

    def services(self, parent: str = "") -> list[Any]:
        """Copies of the services of ``projects/*/locations/*`` (of all when empty), by name.

        ``projects/*/locations/-`` means every location.
        """
        prefix = parent.removesuffix("-") + ("/services/" if parent and not parent.endswith("/-") else "")
        return [run_v2.Service(s) for name, s in sorted(self._services.items()) if name.startswith(prefix)]

    def revision(self, name: str) -> Any:
        """Return a copy of a revision.

        :param name: full name of the revision.
        :raises NotFoundError: there is none of this name.
        """
        return run_v2.Revision(self._revision(name))

    def has_revision(self, name: str) -> bool:
        """Whether there is a revision of this name."""
        return name in self._revisions

    def revisions(self, service: str) -> list[Any]:
        """Copies of a service's revisions, newest first."""
        found = [r for name, r in self._revisions.items() if name.startswith(f"{service}/revisions/")]
        return [run_v2.Revision(revision) for revision in reversed(found)]

    def dump(self) -> dict[str, Any]:
        """Everything as JSON values, for ``load``."""
        return {
            "services": [to_text(service) for service in self._services.values()],
            "revisions": [to_text(revision) for revision in self._revisions.values()],
            "revisions_made": self._revisions_made,
        }

    def load(self, stored: Mapping[str, Any]) -> None:
        """Take over what ``dump`` gave."""
        for text in stored["services"]:
            service = from_text(text, run_v2.Service())
            self._services[service.name] = service
        for text in stored["revisions"]:
            revision = from_text(text, run_v2.Revision())
            self._revisions[revision.name] = revision
        self._revisions_made = dict(stored["revisions_made"])

    def _service(self, name: str) -> Any:
        if name not in self._services:
            service = ServiceName.parse(name)
            raise NotFoundError(
                f"Resource '{service.service}' of kind 'SERVICE' in region '{service.location}' "
                f"in project '{service.project}' does not exist."
            )
        return self._services[name]

    def _revision(self, name: str) -> Any:
        if name not in self._revisions:
            service = ServiceName.parse(name)
            raise NotFoundError(
                f"Resource '{short(name)}' of kind 'REVISION' in region '{service.location}' "
                f"in project '{service.project}' does not exist."
            )
        return self._revisions[name]
