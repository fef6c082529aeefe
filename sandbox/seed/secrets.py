"""The product's secrets as they are before the first release."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import google_crc32c
from google.api_core.exceptions import Conflict

from sandbox.databases import postgres
from sandbox.seed import clients
from sandbox.seed.environments import ENVIRONMENTS, Environment
from sandbox.supervisor import credentials
from sandbox.supervisor.settings import Settings

FIRST_VERSION = "1"
"""Version number the services of version 1.0.0 pin."""

PRICING: Mapping[str, str] = {
    "LLM_PRICING_GPT4_INPUT": "0.00003",
    "LLM_PRICING_GPT4_OUTPUT": "0.00006",
    "LLM_PRICING_GPT35_INPUT": "0.0000015",
    "LLM_PRICING_GPT35_OUTPUT": "0.000002",
}
TOKEN_OPTIMIZATION: Mapping[str, str] = {
    "TOKEN_OPTIMIZATION_ENABLED": "false",
    "TOKEN_OPTIMIZATION_DEFAULT_TARGET_REDUCTION": "20",
    "TOKEN_OPTIMIZATION_MAX_RETRIES": "3",
    "COST_ALERT_LOW_THRESHOLD": "1.00",
    "COST_ALERT_MEDIUM_THRESHOLD": "3.00",
    "COST_ALERT_HIGH_THRESHOLD": "5.00",
    "COST_OPTIMIZATION_TARGET_SAVINGS": "0.20",
    "USER_BUDGET_DEFAULT_MONTHLY": "100.00",
    "TOKEN_SESSION_TTL_MINUTES": "60",
    "TOKEN_CONTEXT_CLEANUP_INTERVAL": "300",
}
FEATURE_FLAGS: Mapping[str, bool] = {"token_optimization": True}


def seed(settings: Settings) -> None:
    """Create each secret with one version; one that has a version already is left alone."""
    client = clients.secret_manager(settings)
    for environment in ENVIRONMENTS:
        for name, payload in _payloads(settings, environment).items():
            _ensure(client, environment, environment.secret(name), payload)


def _payloads(settings: Settings, environment: Environment) -> dict[str, bytes]:
    return {
        "pricing-config": _document(PRICING),
        "token-optimization-config": _document(TOKEN_OPTIMIZATION),
        "feature-flags": _document(FEATURE_FLAGS),
        "database-url": postgres.uri(settings, environment.database).encode(),
        "auth-signing-key": credentials.load(settings).auth_signing_key.encode(),
    }


def _document(values: Mapping[str, str | bool]) -> bytes:
    # As a release writes it: what stays the same gets no new version.
    return json.dumps(dict(values), sort_keys=True).encode()


def _ensure(client: Any, environment: Environment, secret_id: str, payload: bytes) -> None:
    parent = f"projects/{environment.project}"
    name = f"{parent}/secrets/{secret_id}"
    try:
        client.create_secret(
            parent=parent, secret_id=secret_id, secret={"replication": {"automatic": {}}}, timeout=10
        )
    except Conflict:
        if any(client.list_secret_versions(parent=name, timeout=10)):
            return
    client.add_secret_version(
        parent=name,
        payload={"data": payload, "data_crc32c": google_crc32c.value(payload)},
        timeout=10,
    )
