"""What the backend notes beside the usage, down to the rows it writes."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

import httpx
import psycopg
import pytest
import websocket
from psycopg.rows import dict_row

from include.load_test.prompts import corpus
from tests.integration.sandbox.platform.services import PRICING, Service, User
from tests.waiting import BOUND_SECONDS

pytestmark = pytest.mark.sandbox


def rows(database: str, table: str, user: User, count: int) -> Sequence[dict[str, Any]]:
    """Wait for a user's rows in a table."""
    deadline = time.monotonic() + BOUND_SECONDS
    with psycopg.connect(database, autocommit=True, row_factory=dict_row) as connection:
        while True:
            found = connection.execute(
                f"SELECT * FROM {table} WHERE user_id = %s ORDER BY created_at",
                [user.user_id],
            ).fetchall()
            if len(found) >= count or time.monotonic() > deadline:
                return found
            time.sleep(0.1)


def watch(user: User, requests: int) -> None:
    """Have prompts optimized over one WebSocket, and stay for every event."""
    url = f"{user.service.url.replace('http', 'ws')}/v1/events?token={user.token}"
    socket = websocket.create_connection(url, timeout=10)
    for prompt in corpus(requests):
        body = {"session_key": f"of-{user.user_id}", "agent_name": "a", "model": prompt.model}
        socket.send(json.dumps({"type": "optimize", **body, "prompt": prompt.text}))
        while json.loads(socket.recv())["type"] != "optimization.completed":
            pass
    socket.shutdown()


def test_deliveries_alerts_and_uses_of_cost_features_become_rows(
    backend: Service, database: str, client: httpx.Client, new_user: Callable[[Service], User]
) -> None:
    user = new_user(backend)
    watch(user, 3)
    user.costs()
    headers = {"Authorization": f"Bearer {user.token}"}
    client.put(f"{backend.url}/v1/budget", json={"limit_usd": "0.01"}, headers=headers).raise_for_status()
    while user.optimize(corpus(1)[0]).status_code != 402:
        pass

    deliveries = rows(database, "websocket_delivery", user, 3)
    assert [(row["events_owed"], row["events_delivered"]) for row in deliveries] == [(3, 3)] * 3
    assert all(0 <= row["slowest_ms"] < 5000 for row in deliveries)
    assert {row["revision"] for row in deliveries} == {"revision-under-test"}
    features = rows(database, "cost_feature_use", user, 2)
    assert [row["feature"] for row in features] == ["costs", "budget"]
    (alert,) = rows(database, "budget_alert", user, 1)
    assert alert["level"] == "exceeded"
    assert alert["spent_usd"] >= Decimal("0.01")
    assert backend.metric("product_event_rows_total", outcome="refused") == 0


def test_a_session_of_somebody_else_is_an_incident(
    start_backend: Callable[..., Service], database: str, new_user: Callable[[Service], User]
) -> None:
    service = start_backend(FAULT_SESSION_LEAK_RATE="1")
    new_user(service).optimize(corpus(1)[0]).raise_for_status()
    user = new_user(service)
    user.optimize(corpus(1)[0]).raise_for_status()
    (incident,) = rows(database, "platform_incident", user, 1)
    assert (incident["kind"], incident["severity"]) == ("session_isolation_breach", "critical")


def test_the_price_book_has_each_price_once(backend: Service, database: str) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        found = connection.execute(
            "SELECT model, usd_per_token FROM token_price ORDER BY model, effective_from"
        ).fetchall()
    assert ("gpt-4", Decimal(PRICING["LLM_PRICING_GPT4_INPUT"])) in found
    assert len(found) == len(set(found))
