"""Users' sessions: one context per user and session key, and the guard that keeps them apart."""

from __future__ import annotations

import logging
import time
from collections import OrderedDict
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import psycopg

from sandbox.platform.budgets import utc_now
from sandbox.platform.database import Database
from sandbox.platform.faults import strikes
from sandbox.platform.metrics import BackendMetrics
from sandbox.platform.request_counts import Counted
from sandbox.platform.shared_state import SharedState

MOST_SESSIONS = 2000
HISTORY = """
SELECT count(*), coalesce(sum(tokens_used), 0)
FROM token_usage_tracking
WHERE user_id = %(user)s AND session_key = %(key)s AND created_at >= %(since)s
"""

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Session:
    """What one session has done so far; ``last_used`` is on the monotonic clock."""

    user_id: UUID
    key: str
    requests: int = 0
    tokens_used: int = 0
    last_used: float = 0.0


class SessionStore:
    """The sessions of all instances, and the ones that this process knows, oldest use first.

    Redis counts them. A session that Redis does not have, because it is new or Redis lost it, begins with its
    usage on record. While Redis is away each process goes on counting from what it knows, or from that usage.

    :param shared: Redis.
    :param database: where usage is on record; None when it is not tracked.
    :param metrics: the metrics to count in.
    :param ttl_seconds: how long an idle session is kept.
    :param leak_rate: fault: share of requests that get another user's session.
    """

    def __init__(
        self,
        shared: SharedState,
        database: Database | None,
        metrics: BackendMetrics,
        ttl_seconds: float,
        leak_rate: float = 0.0,
    ) -> None:
        self._shared = shared
        self._database = database
        self._metrics = metrics
        self._ttl = ttl_seconds
        self._leak_rate = leak_rate
        self._sessions: OrderedDict[tuple[UUID, str], Session] = OrderedDict()

    async def use(self, user_id: UUID, key: str, tokens_used: int, counted: Counted | None) -> Session:
        """Return the caller's session after a request, made when it is new.

        :param user_id: whose session it is.
        :param key: which one.
        :param tokens_used: tokens of the request's answer.
        :param counted: what Redis counted; None while it is away.
        """
        if counted is None:
            session = await self._found(user_id, key)
            session.requests += 1
            session.tokens_used += tokens_used
        else:
            totals = counted.requests, counted.tokens_used
            if counted.requests == 1:
                totals = await self._begun(user_id, key, totals)
            session = self._sessions.get((user_id, key)) or self._known(Session(user_id, key))
            session.requests, session.tokens_used = totals
        self._metrics.session_counts.labels("process" if counted is None else "redis").inc()
        session.last_used = time.monotonic()
        self._sessions.move_to_end((user_id, key))
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

    async def _found(self, user_id: UUID, key: str) -> Session:
        """Return the session as this process knows it, or begun with its usage on record."""
        if (user_id, key) not in self._sessions:
            past = await self._history(user_id, key)
            # Another request of the session may have been faster.
            if (user_id, key) not in self._sessions:
                return self._known(Session(user_id, key, *past))
        return self._sessions[user_id, key]

    async def _begun(self, user_id: UUID, key: str, counted: tuple[int, int]) -> tuple[int, int]:
        """Add what is known of a session that Redis has just begun to count: one request alone sees that."""
        requests, tokens_used = await self._history(user_id, key)
        session = self._sessions.get((user_id, key))
        if session is not None:
            requests, tokens_used = max(requests, session.requests), max(tokens_used, session.tokens_used)
        if not requests:
            return counted
        name = self._shared.key("session", user_id, key)
        answers = await self._shared.ask(
            "sessions",
            [("HINCRBY", name, "requests", requests), ("HINCRBY", name, "tokens_used", tokens_used)],
        )
        if answers is None:
            return counted[0] + requests, counted[1] + tokens_used
        return int(answers[0]), int(answers[1])

    async def _history(self, user_id: UUID, key: str) -> tuple[int, int]:
        if self._database is None:
            return 0, 0
        self._metrics.session_counts.labels("database").inc()
        since = utc_now() - timedelta(seconds=self._ttl)
        try:
            async with self._database.connection() as connection:
                cursor = await connection.execute(HISTORY, {"user": user_id, "key": key, "since": since})
                row = await cursor.fetchone()
        except psycopg.Error as error:
            _log.warning("a session begins without its history: %s", type(error).__name__)
            return 0, 0
        return (int(row[0]), int(row[1])) if row else (0, 0)

    def _known(self, session: Session) -> Session:
        self._sessions[session.user_id, session.key] = session
        if len(self._sessions) > MOST_SESSIONS:
            self._sessions.popitem(last=False)
        return session

    def _somebody_elses(self, session: Session) -> Session | None:
        others = (other for other in reversed(self._sessions.values()) if other.user_id != session.user_id)
        return next(others, None)
