"""Full resource names of Cloud Run, taken apart and put together."""

from __future__ import annotations

import re
from dataclasses import dataclass

from sandbox.cloud.api_errors import InvalidArgumentError

_SERVICE = re.compile(r"projects/([^/]+)/locations/([^/]+)/services/([^/]+)")


@dataclass(frozen=True)
class ServiceName:
    """``projects/{project}/locations/{location}/services/{service}``."""

    project: str
    location: str
    service: str

    @classmethod
    def parse(cls, name: str) -> ServiceName:
        """Take a service's or one of its revisions' full name apart.

        :param name: full name of a service, or of what lies below it.
        :raises InvalidArgumentError: when the name has another shape.
        """
        match = _SERVICE.match(name)
        if match is None:
            raise InvalidArgumentError(
                f"name {name!r}: must be projects/*/locations/*/services/* (or a revision below it)"
            )
        return cls(*match.groups())

    @property
    def parent(self) -> str:
        """``projects/{project}/locations/{location}``."""
        return f"projects/{self.project}/locations/{self.location}"

    def __str__(self) -> str:
        return f"{self.parent}/services/{self.service}"

    def revision(self, short: str) -> str:
        """Full name of one of the service's revisions."""
        return f"{self}/revisions/{short}"


def short(name: str) -> str:
    """Last part of a full name, which is how traffic targets and metrics name a revision."""
    return name.rpartition("/")[2]
