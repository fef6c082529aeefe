"""What Redis counts of each request, over all instances, in one round trip."""

from __future__ import annotations

import time
from dataclasses import dataclass
from uuid import UUID

from sandbox.platform.metrics import BackendMetrics
from sandbox.platform.shared_state import SharedState

WINDOW_SECONDS = 60


class TooManyRequestsError(Exception):
    """The user has made too many requests in this minute.

    :param limit: how many there may be.
    :param retry_seconds: until the next minute.
    """

    def __init__(self, limit: int, retry_seconds: int) -> None:
        super().__init__(f"more than {limit} requests in a minute: try again in {retry_seconds} s")
        self.retry_seconds = retry_seconds


@dataclass(frozen=True)
class Counted:
    """What Redis knows when a request is counted.

    :param requests: of the session, this one among them.
    :param tokens_used: of the session.
    :param followers: sockets that follow the session, on any instance.
    """

    requests: int
    tokens_used: int
    followers: int


class RequestCounts:
    """Counts the requests of each user and minute, and of each session; without Redis, none.

    :param shared: Redis.
    :param metrics: the metrics to count in.
    :param per_minute: how many requests of one user are allowed.
    :param ttl_seconds: how long an idle session is kept.
    """

    def __init__(
        self, shared: SharedState, metrics: BackendMetrics, per_minute: int, ttl_seconds: float
    ) -> None:
        self._shared = shared
        self._metrics = metrics
        self._per_minute = per_minute
        self._ttl_ms = int(1000 * ttl_seconds)
        self._limited: set[UUID] = set()
        self._minute = 0

    def require_room(self, user_id: UUID) -> None:
        """Turn a user away of whom this process knows that the minute's requests are made.

        :param user_id: who makes a request.
        :raises TooManyRequestsError: when it is over the limit.
        """
        if int(time.time() // WINDOW_SECONDS) == self._minute and user_id in self._limited:
            raise self._too_many()

    async def count(self, user_id: UUID, session_key: str, tokens_used: int) -> Counted | None:
        """Count a request.

        :param user_id: who makes it.
        :param session_key: the session that it belongs to.
        :param tokens_used: tokens that its answer takes.
        :return: None when Redis is away; then nobody is turned away.
        :raises TooManyRequestsError: when it is over the limit; then it counts to no session.
        """
        minute = int(time.time() // WINDOW_SECONDS)
        answer = await self._shared.count(
            [
                self._shared.key("rate", user_id, minute),
                self._shared.key("session", user_id, session_key),
                self._shared.key("events", user_id, session_key),
            ],
            [2 * WINDOW_SECONDS, self._per_minute, tokens_used, self._ttl_ms],
        )
        if answer is None:
            # Turning customers away because a counter is gone would make its outage theirs.
            self._metrics.rate_limit.labels("unchecked").inc()
            return None
        made, requests, tokens, followers = answer
        if made > self._per_minute:
            if minute != self._minute:
                self._limited.clear()
                self._minute = minute
            self._limited.add(user_id)
            raise self._too_many()
        self._metrics.rate_limit.labels("allowed").inc()
        return Counted(requests, tokens, followers)

    def _too_many(self) -> TooManyRequestsError:
        self._metrics.rate_limit.labels("limited").inc()
        return TooManyRequestsError(self._per_minute, int(WINDOW_SECONDS - time.time() % WINDOW_SECONDS) + 1)
