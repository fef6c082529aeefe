"""The world before the first release: the product's database, secrets, repository and services at 1.0.0."""

from __future__ import annotations

import json

from sandbox.seed import database, secrets, services
from sandbox.supervisor import repository
from sandbox.supervisor.settings import Settings


def seed(settings: Settings) -> None:
    """Make the world, or what of it is missing, and write ``<home>/run/endpoints.json``.

    Needs PostgreSQL and the cloud to be up. Done again it changes nothing.

    :param settings: where the sandbox lives, and its ports.
    :raises TimeoutError: when a service does not answer within its bound.
    """
    database.seed_environments(settings)
    secrets.seed(settings)
    repository.seed(settings)
    endpoints = services.seed(settings)
    settings.run.mkdir(parents=True, exist_ok=True)
    path = settings.run / "endpoints.json"
    draft = path.with_suffix(".draft")
    draft.write_text(json.dumps(endpoints, indent=1) + "\n")
    draft.replace(path)
