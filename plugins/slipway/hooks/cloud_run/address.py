"""The address of a Cloud Run service. Imports no client library: DAG files and triggers need it too."""

from __future__ import annotations

from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class ServiceAddress:
    """Where a service is.

    :param project_id: Google Cloud project.
    :param location: region, e.g. ``us-central1``.
    :param service: short name.
    """

    project_id: str
    location: str
    service: str

    @property
    def name(self) -> str:
        """The service's resource name."""
        return f"projects/{self.project_id}/locations/{self.location}/services/{self.service}"

    def revision(self, revision: str) -> str:
        """Return a revision's resource name.

        :param revision: short name.
        """
        return f"{self.name}/revisions/{revision}"

    def as_payload(self) -> dict[str, str]:
        """Return it as plain data, for a trigger's arguments: ``ServiceAddress(**payload)`` reads it back."""
        return asdict(self)

    def __str__(self) -> str:
        return f"{self.service} ({self.project_id}, {self.location})"


@dataclass(frozen=True)
class JobAddress:
    """Where a job is.

    :param project_id: Google Cloud project.
    :param location: region, e.g. ``us-central1``.
    :param job: short name.
    """

    project_id: str
    location: str
    job: str

    @property
    def name(self) -> str:
        """The job's resource name."""
        return f"projects/{self.project_id}/locations/{self.location}/jobs/{self.job}"

    def __str__(self) -> str:
        return f"{self.job} ({self.project_id}, {self.location})"
