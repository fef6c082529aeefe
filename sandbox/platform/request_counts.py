"""How many requests a user may make in a minute, over all instances."""

from __future__ import annotations

import time
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


class RateLimit:
    """Counts the requests of each user and minute in Redis; without Redis every request is let through.

    :param shared: Redis.
    :param metrics: the metrics to count in.
    :param per_minute: how many requests of one user are allowed.
    """

    def __init__(self, shared: SharedState, metrics: BackendMetrics, per_minute: int) -> None:
        self._shared = shared
        self._metrics = metrics
        self._per_minute = per_minute

    async def require_room(self, user_id: UUID) -> None:
        """Count a request.

        :param user_id: who makes it.
        :raises TooManyRequestsError: when it is over the limit.
        """
        now = time.time()
        key = self._shared.key("rate", user_id, int(now // WINDOW_SECONDS))
        answers = await self._shared.ask("rate_limit", [("INCR", key), ("EXPIRE", key, 2 * WINDOW_SECONDS)])
        if answers is None:
            # Turning customers away because a counter is gone would make its outage theirs.
            self._metrics.rate_limit.labels("unchecked").inc()
            return
        if answers[0] > self._per_minute:
            self._metrics.rate_limit.labels("limited").inc()
            raise TooManyRequestsError(self._per_minute, int(WINDOW_SECONDS - now % WINDOW_SECONDS) + 1)
        self._metrics.rate_limit.labels("allowed").inc()
