"""Every fault really misbehaves: for the client, and in what the version says about itself."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from contextlib import suppress
from decimal import Decimal
from typing import Any

import httpx
import pytest
import websocket

from include.load_test.prompts import corpus
from tests.integration.sandbox.platform.services import Service, User
from tests.waiting import BOUND_SECONDS

pytestmark = pytest.mark.sandbox
StartBackend = Callable[..., Service]
NewUser = Callable[[Service], User]
EVENTS = ("websocket_events_total", "outcome", "delivered", "lost")
QUIET_SECONDS = 0.5
KINDS = ["optimization.started", "cost.updated", "optimization.completed"]


def _connect(user: User) -> websocket.WebSocket:
    url = f"{user.service.url.replace('http', 'ws')}/v1/events?token={user.token}"
    return websocket.create_connection(url, timeout=5)


def _counted(service: Service, name: str, label: str, *values: str) -> list[float]:
    return [service.metric(name, **{label: value}) for value in values]


def _handshake(user: User) -> int:
    try:
        socket = _connect(user)
    except websocket.WebSocketBadStatusException as error:
        return int(error.status_code)
    socket.shutdown()
    return int(socket.getstatus() or 0)


def _watch(user: User, requests: int) -> list[dict[str, Any]]:
    """Send prompts on one WebSocket; return every event that was not lost, each with its latency."""
    events: list[dict[str, Any]] = []
    before = _counted(user.service, *EVENTS)

    def all_here() -> bool:
        delivered, lost = (
            now - then for now, then in zip(_counted(user.service, *EVENTS), before, strict=True)
        )
        return delivered + lost == len(KINDS) * requests and len(events) == delivered

    socket = _connect(user)
    try:
        for prompt in corpus(requests):
            body = {"session_key": f"of-{user.user_id}", "agent_name": "a", "model": prompt.model}
            socket.send(json.dumps({"type": "optimize", **body, "prompt": prompt.text}))
        socket.settimeout(QUIET_SECONDS)
        deadline = time.monotonic() + BOUND_SECONDS
        while not all_here():
            assert time.monotonic() < deadline, f"{len(events)} events"
            # Without a break while events come, so that none is late because of the questions in between.
            with suppress(websocket.WebSocketTimeoutException):
                while True:
                    event = json.loads(socket.recv())
                    events.append({**event, "latency": time.time() - event["emitted_at"]})
        return events
    finally:
        socket.shutdown()


def test_errors(start_backend: StartBackend, new_user: NewUser) -> None:
    service = start_backend(FAULT_ERROR_RATE="0.3", FAULT_SEED="6")
    before = _counted(service, "websocket_connections_total", "outcome", "success", "failure")
    user = new_user(service)
    statuses = [user.optimize(prompt).status_code for prompt in corpus(100)]
    assert 12 <= statuses.count(500) <= 50
    assert statuses.count(200) == 100 - statuses.count(500)
    assert service.metric("http_request_errors_total", synthetic="false") >= statuses.count(500)
    assert service.metric("http_request_duration_seconds_count", synthetic="true") == 0
    httpx.get(f"{service.url}/v1/costs", headers={"x-synthetic-request": "true"}, trust_env=False)
    assert service.metric("http_request_duration_seconds_count", synthetic="true") == 1
    handshakes = [_handshake(user) for _ in range(40)]
    refused = handshakes.count(500)
    assert refused > 0
    assert handshakes.count(101) == 40 - refused
    after = _counted(service, "websocket_connections_total", "outcome", "success", "failure")
    assert [new - old for old, new in zip(before, after, strict=True)] == [40 - refused, refused]


def test_latency(start_backend: StartBackend, new_user: NewUser) -> None:
    service = start_backend(FAULT_LATENCY_SECONDS="0.3", FAULT_LATENCY_SHARE="0.5", FAULT_SEED="6")
    user = new_user(service)
    seconds = [user.optimize(prompt).elapsed.total_seconds() for prompt in corpus(16)]
    slow = sum(value >= 0.3 for value in seconds)
    assert 0 < slow < 16
    count = service.metric("http_request_duration_seconds_count", synthetic="false")
    fast = service.metric("http_request_duration_seconds_bucket", le="0.25", synthetic="false")
    assert count - fast >= slow


def test_memory_leak(start_backend: StartBackend, new_user: NewUser) -> None:
    leak, requests = 1 << 20, 30
    service = start_backend(FAULT_MEMORY_LEAK_BYTES=str(leak))
    user = new_user(service)
    user.optimize(corpus(1)[0])
    before = service.metric("process_resident_memory_bytes")
    for prompt in corpus(requests):
        user.optimize(prompt)
    assert service.metric("process_resident_memory_bytes") - before >= 0.9 * leak * requests


def test_the_good_version_keeps_its_memory(backend: Service, new_user: NewUser) -> None:
    user = new_user(backend)
    for prompt in corpus(150, seed=1):
        user.optimize(prompt)
    before = backend.metric("process_resident_memory_bytes")
    for prompt in corpus(300, seed=2):
        user.optimize(prompt)
    assert backend.metric("process_resident_memory_bytes") - before < 4 << 20


def test_wrong_costs(start_backend: StartBackend, new_user: NewUser) -> None:
    service = start_backend(FAULT_COST_FACTOR="1.07")
    before = service.metric("cost_calculation_checks_total", result="inaccurate")
    answer = new_user(service).optimize(corpus(1)[0], model="gpt-4").json()
    right = Decimal("0.00003") * answer["tokens_used"]
    assert Decimal(answer["cost_usd"]) == (right * Decimal("1.07")).quantize(Decimal("0.000001"))
    assert service.metric("cost_calculation_checks_total", result="inaccurate") == before + 2
    assert service.metric("cost_calculation_checks_total", result="accurate") == 0


def test_lost_events(start_backend: StartBackend, new_user: NewUser) -> None:
    service = start_backend(FAULT_EVENT_LOSS_RATE="0.3", FAULT_SEED="6")
    before = _counted(service, *EVENTS)
    events = _watch(new_user(service), requests=40)
    assert 60 < len(events) < 108
    after = _counted(service, *EVENTS)
    assert [new - old for old, new in zip(before, after, strict=True)] == [len(events), 120 - len(events)]


def test_late_events(start_backend: StartBackend, new_user: NewUser) -> None:
    service = start_backend(FAULT_EVENT_DELAY_SECONDS="0.25")
    before = service.metric("websocket_event_latency_seconds_count")
    events = _watch(new_user(service), requests=2)
    assert [event["type"] for event in events] == KINDS * 2
    # The delay runs on the event loop's clock, the times on the wall clock: they differ by milliseconds.
    slow_seconds = 0.2
    assert all(event["latency"] > slow_seconds for event in events)
    assert service.metric("websocket_event_latency_seconds_bucket", le=str(slow_seconds)) == 0
    assert service.metric("websocket_event_latency_seconds_count") == before + 6


def test_session_leak(start_backend: StartBackend, new_user: NewUser) -> None:
    service = start_backend(FAULT_SESSION_LEAK_RATE="0.5", FAULT_SEED="6")
    users = [new_user(service) for _ in range(2)]
    before = service.metric("session_isolation_breaches_total")
    foreign = 0
    for prompt in corpus(20):
        for user in users:
            answer = user.optimize(prompt).json()
            if answer["user_id"] != str(user.user_id):
                foreign += 1
                assert answer["session_key"] != f"of-{user.user_id}"
    assert foreign > 5
    assert service.metric("session_isolation_breaches_total") == before + foreign
    events = _watch(users[0], requests=20)
    assert str(users[1].user_id) in {event["user_id"] for event in events}


def test_no_optimization(start_backend: StartBackend, new_user: NewUser) -> None:
    service = start_backend(FAULT_NO_OPTIMIZATION="true")
    user = new_user(service)
    answers = [user.optimize(prompt).json() for prompt in corpus(10)]
    assert not any(answer["optimization_applied"] for answer in answers)
    assert service.metric("token_optimization_attempts_total", outcome="failure") >= 10
    assert service.metric("token_optimization_attempts_total", outcome="success") == 0
    assert service.metric("token_optimization_cost_usd_total") == 0


def test_the_good_version_does_none_of_it(backend: Service, new_user: NewUser) -> None:
    user = new_user(backend)
    names: list[tuple[str, dict[str, str]]] = [
        ("websocket_connections_total", {"outcome": "failure"}),
        ("websocket_events_total", {"outcome": "lost"}),
        ("cost_calculation_checks_total", {"result": "inaccurate"}),
        ("session_isolation_breaches_total", {}),
    ]
    delivered = backend.metric("websocket_events_total", outcome="delivered")
    attempts = backend.metric("token_optimization_attempts_total", outcome="success")
    events = _watch(user, requests=10)
    assert [event["type"] for event in events] == KINDS * 10
    assert backend.metric("websocket_events_total", outcome="delivered") == delivered + 30
    assert backend.metric("token_optimization_attempts_total", outcome="success") >= attempts + 9
    original = backend.metric("token_optimization_cost_original_usd_total")
    reduction = 1 - backend.metric("token_optimization_cost_usd_total") / original
    assert 0.15 < reduction < 0.25
    for name, labels in names:
        assert backend.metric(name, **labels) == 0, name
