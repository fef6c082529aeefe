"""Sessions are kept apart, bounded and forgotten in time."""

from __future__ import annotations

from uuid import uuid4

import pytest

from sandbox.platform.sessions import MOST_SESSIONS, SessionStore

ONE, OTHER = uuid4(), uuid4()


def test_a_session_belongs_to_its_user_and_key() -> None:
    store = SessionStore(ttl_seconds=60)
    store.use(ONE, "a", 10)
    store.use(OTHER, "a", 5)
    session = store.use(ONE, "a", 7)
    assert (session.user_id, session.key, session.requests, session.tokens_used) == (ONE, "a", 2, 17)
    assert store.to_answer(session) is session


def test_a_leak_answers_with_another_users_session() -> None:
    store = SessionStore(ttl_seconds=60, leak_rate=1.0)
    first = store.use(ONE, "a", 1)
    assert store.to_answer(first) is first  # there is nobody else yet
    second = store.use(OTHER, "b", 1)
    assert store.to_answer(second) is first


def test_idle_sessions_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [1000.0]
    monkeypatch.setattr("sandbox.platform.sessions.time.monotonic", lambda: clock[0])
    store = SessionStore(ttl_seconds=60)
    store.use(ONE, "old", 1)
    clock[0] += 50
    store.use(ONE, "new", 1)
    clock[0] += 20
    assert store.clean_up() == 1
    assert store.use(ONE, "new", 1).requests == 2
    assert store.use(ONE, "old", 1).requests == 1


def test_the_number_of_sessions_is_bounded() -> None:
    store = SessionStore(ttl_seconds=3600)
    for number in range(MOST_SESSIONS + 10):
        store.use(ONE, f"s{number}", 1)
    assert store.use(ONE, "s0", 1).requests == 1
    assert store.use(ONE, f"s{MOST_SESSIONS}", 1).requests == 2
