"""Users' sessions: one context per user and session key, and the guard that keeps them apart."""

from __future__ import annotations

import time
from collections import OrderedDict
from dataclasses import dataclass
from uuid import UUID

from sandbox.platform.faults import strikes

MOST_SESSIONS = 2000


@dataclass(slots=True)
class Session:
    """What one session has done so far; ``last_used`` is on the monotonic clock."""

    user_id: UUID
    key: str
    requests: int = 0
    tokens_used: int = 0
    last_used: float = 0.0


class SessionStore:
    """The sessions this process knows, oldest use first.

    :param ttl_seconds: how long an idle session is kept.
    :param leak_rate: fault: share of requests that get another user's session.
    """

    def __init__(self, ttl_seconds: float, leak_rate: float = 0.0) -> None:
        self._ttl = ttl_seconds
        self._leak_rate = leak_rate
        self._sessions: OrderedDict[tuple[UUID, str], Session] = OrderedDict()

    def use(self, user_id: UUID, key: str, tokens_used: int) -> Session:
        """Count a request to the caller's session, making it when it is new, and return it."""
        name = (user_id, key)
        session = self._sessions.get(name)
        if session is None:
            session = self._sessions[name] = Session(user_id, key)
            if len(self._sessions) > MOST_SESSIONS:
                self._sessions.popitem(last=False)
        session.requests += 1
        session.tokens_used += tokens_used
        session.last_used = time.monotonic()
        self._sessions.move_to_end(name)
        return session

    def to_answer(self, session: Session) -> Session:
        """Return the session whose context goes into the answer."""
        if strikes(self._leak_rate):
            return self._somebody_elses(session) or session
        return session

    def clean_up(self) -> int:
        """Forget the sessions idle for longer than their time to live; return how many."""
        oldest = time.monotonic() - self._ttl
        idle = [name for name, session in self._sessions.items() if session.last_used < oldest]
        for name in idle:
            del self._sessions[name]
        return len(idle)

    def _somebody_elses(self, session: Session) -> Session | None:
        others = (other for other in reversed(self._sessions.values()) if other.user_id != session.user_id)
        return next(others, None)
