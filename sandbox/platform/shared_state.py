"""What the instances of an environment share: Redis, as far as it answers."""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Literal, TypeVar

from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from sandbox.platform.metrics import BackendMetrics

# A customer's request must not wait for a Redis that does not answer.
ANSWER_SECONDS = 0.25
AWAY_SECONDS = 1.0

Purpose = Literal["requests", "sessions", "fan_out"]
# A round trip for each part would take as long as the rest of a request.
COUNT = """
local made = redis.call('INCR', KEYS[1])
redis.call('EXPIRE', KEYS[1], ARGV[1])
if made > tonumber(ARGV[2]) then return {made, 0, 0, 0} end
local requests = redis.call('HINCRBY', KEYS[2], 'requests', 1)
local tokens = redis.call('HINCRBY', KEYS[2], 'tokens_used', ARGV[3])
redis.call('PEXPIRE', KEYS[2], ARGV[4])
return {made, requests, tokens, redis.call('PUBSUB', 'NUMSUB', KEYS[3])[2]}
"""
T = TypeVar("T")

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
        self._count = self._client.register_script(COUNT) if self._client else None

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
        pipeline = self._client.pipeline(transaction=False)
        for command in commands:
            pipeline.execute_command(*command)
        return await self._answer(purpose, pipeline.execute)

    async def count(self, keys: list[str], arguments: list[int]) -> list[int] | None:
        """Count a request by :data:`COUNT`.

        :param keys: of the user's requests in this minute, of the session, and the channel of its events.
        :param arguments: seconds that the first is kept, the most requests, tokens of this one, milliseconds
            that the session is kept.
        :return: requests of the user, requests and tokens of the session, its followers; None when Redis is
            away.
        """
        script = self._count
        if script is None:
            return None
        found: list[Any] | None = await self._answer("requests", lambda: script(keys, arguments))
        return None if found is None else [int(one) for one in found]

    async def _answer(self, purpose: Purpose, call: Callable[[], Awaitable[T]]) -> T | None:
        if time.monotonic() < self._away_until:
            self._metrics.redis_commands.labels(purpose, "skipped").inc()
            return None
        try:
            answers = await call()
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
