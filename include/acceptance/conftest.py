"""Fixtures of the acceptance suites, which run against a deployed platform.

Environment: ``BACKEND_URL``, ``AUTH_URL``, ``FRONTEND_URL``; optionally ``PRICING``, a JSON object with the
public ``LLM_PRICING_*`` prices, and ``<SERVICE>_IDENTITY_TOKEN`` for a service that admits only some callers.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from decimal import Decimal
from uuid import uuid4

import httpx
import pytest

from include.acceptance.platform import Caller, service
from include.load_test.answers import input_prices


@pytest.fixture(scope="session")
def backend() -> Iterator[httpx.Client]:
    """A client of the backend."""
    with service("backend") as client:
        yield client


@pytest.fixture(scope="session")
def auth() -> Iterator[httpx.Client]:
    """A client of the auth service."""
    with service("auth") as client:
        yield client


@pytest.fixture(scope="session")
def frontend() -> Iterator[httpx.Client]:
    """A client of the frontend."""
    with service("frontend") as client:
        yield client


@pytest.fixture(scope="session")
def sign_in(backend: httpx.Client, auth: httpx.Client) -> Callable[[], Caller]:
    """Signs in a new user."""

    def signed_in() -> Caller:
        user_id = str(uuid4())
        response = auth.post("/v1/token", json={"user_id": user_id})
        assert response.status_code == 200, f"POST /v1/token: {response.status_code} {response.text[:300]}"
        return Caller(backend, user_id, response.json()["token"])

    return signed_in


@pytest.fixture
def caller(sign_in: Callable[[], Caller]) -> Caller:
    """A new user, signed in."""
    return sign_in()


@pytest.fixture(scope="session")
def prices() -> dict[str, Decimal]:
    """Public dollars per prompt token by model; empty when ``PRICING`` is not set."""
    return input_prices(os.environ.get("PRICING", ""))
