"""Sessions are kept apart, bounded and forgotten in time."""

from __future__ import annotations

import asyncio
from uuid import UUID, uuid4

import pytest
from prometheus_client import CollectorRegistry

from sandbox.platform.metrics import BackendMetrics
from sandbox.platform.sessions import MOST_SESSIONS, Session, SessionStore
from sandbox.platform.shared_state import SharedState

ONE, OTHER = uuid4(), uuid4()


class Store(SessionStore):
    """The sessions of a process that shares nothing."""

    def __init__(self, ttl_seconds: float = 60, leak_rate: float = 0.0) -> None:
        metrics = BackendMetrics(CollectorRegistry())
        super().__init__(SharedState("", "staging", metrics), None, metrics, ttl_seconds, leak_rate)

    def used(self, user_id: UUID, key: str, tokens_used: int) -> Session:
        """Use a session."""
        return asyncio.run(self.use(user_id, key, tokens_used, None))


def test_a_session_belongs_to_its_user_and_key() -> None:
    store = Store()
    store.used(ONE, "a", 10)
    store.used(OTHER, "a", 5)
    session = store.used(ONE, "a", 7)
    assert (session.user_id, session.key, session.requests, session.tokens_used) == (ONE, "a", 2, 17)
    assert store.to_answer(session) is session


def test_a_leak_answers_with_another_users_session() -> None:
    store = Store(leak_rate=1.0)
    first = store.used(ONE, "a", 1)
    assert store.to_answer(first) is first  # there is nobody else yet
    second = store.used(OTHER, "b", 1)
    assert store.to_answer(second) is first


def test_idle_sessions_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [1000.0]
    store = Store()

    def use(key: str) -> Session:
        session = store.used(ONE, key, 1)
        session.last_used = clock[0]
        return session

    use("old")
    clock[0] += 50
    use("new")
    clock[0] += 20
    monkeypatch.setattr("sandbox.platform.sessions.time.monotonic", lambda: clock[0])
    assert store.clean_up() == 1
    monkeypatch.undo()
    assert use("new").requests == 2
    assert use("old").requests == 1


def test_the_number_of_sessions_is_bounded() -> None:
    async def fill(store: SessionStore) -> None:
        for number in range(MOST_SESSIONS + 10):
            await store.use(ONE, f"s{number}", 1, None)

    store = Store(ttl_seconds=3600)
    asyncio.run(fill(store))
    assert store.used(ONE, "s0", 1).requests == 1
    assert store.used(ONE, f"s{MOST_SESSIONS}", 1).requests == 2
