"""What the instances of an environment share: Redis, as far as it answers."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from typing import Any, Literal

from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from sandbox.platform.metrics import BackendMetrics

# A customer's request must not wait for a Redis that does not answer.
ANSWER_SECONDS = 0.25
AWAY_SECONDS = 1.0

Purpose = Literal["sessions", "rate_limit", "fan_out"]

_log = logging.getLogger(__name__)


class SharedState:
    """Redis; while it does not answer, each caller does without it.

    After a failed command nobody asks for ``AWAY_SECONDS``: requests do not queue up behind its time-out.

    :param url: of the server; empty for none, which is as one that never answers.
    :param environment: ``production`` or ``staging``, the beginning of every key.
    :param metrics: the metrics to count in.
    """

    def __init__(self, url: str, environment: str, metrics: BackendMetrics) -> None:
        self._environment = environment
        self._metrics = metrics
        self._away_until = 0.0
        self._client = (
            Redis.from_url(
                url,
                decode_responses=True,
                socket_timeout=ANSWER_SECONDS,
                socket_connect_timeout=ANSWER_SECONDS,
                # Once, on a new connection: a server that came back has ended the ones of the pool.
                retry=Retry(NoBackoff(), 1),
            )
            if url
            else None
        )

    def key(self, *parts: object) -> str:
        """Return a key or channel of this environment."""
        return ":".join((self._environment, *map(str, parts)))

    def subscriber(self) -> PubSub | None:
        """Return a new connection for channels; None without a server."""
        return self._client.pubsub(ignore_subscribe_messages=False) if self._client else None

    async def ask(self, purpose: Purpose, commands: Sequence[tuple[str | int, ...]]) -> list[Any] | None:
        """Send commands in one go.

        :param purpose: what they are for, counted.
        :param commands: each with its arguments.
        :return: their answers; None when Redis is away.
        """
        if self._client is None:
            return None
        if time.monotonic() < self._away_until:
            self._metrics.redis_commands.labels(purpose, "skipped").inc()
            return None
        pipeline = self._client.pipeline(transaction=False)
        for command in commands:
            pipeline.execute_command(*command)
        try:
            answers: list[Any] = await pipeline.execute()
        except (RedisError, OSError) as error:
            self._away_until = time.monotonic() + AWAY_SECONDS
            self._metrics.redis_up.set(0)
            self._metrics.redis_commands.labels(purpose, "failure").inc()
            _log.warning("Redis is away, %s goes on without it: %s", purpose, type(error).__name__)
            return None
        self._metrics.redis_up.set(1)
        self._metrics.redis_commands.labels(purpose, "success").inc()
        return answers

    async def close(self) -> None:
        """Close the connections."""
        if self._client is not None:
            await self._client.aclose()
