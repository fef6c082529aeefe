"""The two environments of the product: what things are called in each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sandbox.supervisor.settings import LOCATION


@dataclass(frozen=True)
class Environment:
    """One environment of the product.

    :param name: ``production`` or ``staging``, the value of ``ENVIRONMENT``.
    :param project: its Google Cloud project.
    :param service_suffix: end of its services' names.
    :param secret_prefix: beginning of its secrets' names.
    :param database: its database.
    :param min_instances: fewest instances of each service.
    """

    name: str
    project: str
    service_suffix: str
    secret_prefix: str
    database: str
    min_instances: int

    @property
    def parent(self) -> str:
        """Resource name of the project's location."""
        return f"projects/{self.project}/locations/{LOCATION}"

    def service(self, component: str) -> str:
        """Return the name of the service of ``backend``, ``auth`` or ``frontend``."""
        return f"netra-{component}-{self.service_suffix}"

    def secret(self, name: str) -> str:
        """Return the id of a secret such as ``pricing-config``."""
        return f"{self.secret_prefix}-{name}"


ENVIRONMENTS = (
    Environment("production", "sandbox-production", "prod", "prod", "netra_production", min_instances=2),
    Environment("staging", "sandbox-staging", "staging", "staging", "netra_staging", min_instances=1),
)

MAX_INSTANCES: Mapping[str, int] = {"backend": 100, "auth": 50, "frontend": 100}
