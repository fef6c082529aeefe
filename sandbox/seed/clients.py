"""The official clients, pointed at the sandbox."""

from __future__ import annotations

from typing import Any

from google.auth.credentials import AnonymousCredentials
from google.cloud import run_v2, secretmanager_v1

from sandbox.supervisor.settings import HOST, Settings


def secret_manager(settings: Settings) -> Any:
    """Return a client of the sandbox's Secret Manager."""
    return secretmanager_v1.SecretManagerServiceClient(**_connection(settings))


def services(settings: Settings) -> Any:
    """Return a client of the sandbox's Cloud Run services."""
    return run_v2.ServicesClient(**_connection(settings))


def _connection(settings: Settings) -> dict[str, Any]:
    return {
        "credentials": AnonymousCredentials(),  # type: ignore[no-untyped-call]
        "transport": "rest",
        "client_options": {"api_endpoint": f"http://{HOST}:{settings.google_port}"},
    }
