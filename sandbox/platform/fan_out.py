"""Events of a session on every socket that follows it, whichever instance the socket is connected to."""

from __future__ import annotations

import asyncio
import json
import logging
from collections import defaultdict
from typing import Any
from uuid import UUID

from redis.asyncio.client import PubSub
from redis.exceptions import RedisError

from sandbox.platform.metrics import BackendMetrics
from sandbox.platform.shared_state import SharedState

SUBSCRIBED_SECONDS = 2.0
AGAIN_SECONDS = 0.5
POLL_SECONDS = 5.0
LONGEST_QUEUE = 1_000

_log = logging.getLogger(__name__)
Follower = asyncio.Queue[dict[str, Any]]


class FanOut:
    """The followers of one process, and the channels that lead to them.

    While Redis is away events reach the followers of the instance where they happen. Whoever may have missed
    one gets an event ``resync`` as soon as the channels are back.

    :param shared: Redis.
    :param metrics: the metrics to count in.
    """

    def __init__(self, shared: SharedState, metrics: BackendMetrics) -> None:
        self._shared = shared
        self._metrics = metrics
        self._followers: dict[str, set[Follower]] = defaultdict(set)
        self._subscribed: dict[str, asyncio.Event] = {}
        self._connection: PubSub | None = None

    async def follow(self, user_id: UUID, session_key: str, follower: Follower) -> bool:
        """Bring the session's events to a queue from now on.

        :param user_id: whose session it is.
        :param session_key: which one.
        :param follower: takes the events.
        :return: whether events of every instance arrive; else those of this one, until Redis is back.
        """
        channel = self._channel(user_id, session_key)
        self._followers[channel].add(follower)
        subscribed = self._subscribed.setdefault(channel, asyncio.Event())
        if self._connection is None:
            return False
        try:
            await self._connection.subscribe(channel)
            await asyncio.wait_for(subscribed.wait(), SUBSCRIBED_SECONDS)
        except (RedisError, OSError, TimeoutError):
            return False
        return True

    async def leave(self, follower: Follower) -> None:
        """Bring a queue no more events."""
        left = []
        for channel, followers in list(self._followers.items()):
            followers.discard(follower)
            if not followers:
                del self._followers[channel], self._subscribed[channel]
                left.append(channel)
        if left and self._connection is not None:
            try:
                await self._connection.unsubscribe(*left)
            except (RedisError, OSError) as error:
                _log.warning("channels without a follower stay: %s", type(error).__name__)

    async def publish(
        self, user_id: UUID, session_key: str, events: list[dict[str, Any]], followers: int | None
    ) -> None:
        """Bring events to the session's followers.

        :param user_id: whose session it is.
        :param session_key: which one.
        :param events: in their order.
        :param followers: how many there are over all instances; None while Redis is away.
        """
        channel = self._channel(user_id, session_key)
        if followers:
            text = json.dumps(events)
            if await self._shared.ask("fan_out", [("PUBLISH", channel, text)]) is not None:
                return
        self._deliver(channel, events)

    async def run(self) -> None:
        """Take what the channels bring, until cancelled; connect again when the connection breaks."""
        missed = False
        while True:
            connection = self._shared.subscriber()
            if connection is None:
                return
            try:
                # One channel is always there: without any, nothing can be read.
                await connection.subscribe(self._shared.key("events"), *self._followers)
                self._connection = connection
                if missed:
                    self._resync()
                while True:
                    await self._take(await connection.get_message(timeout=POLL_SECONDS))
            except (RedisError, OSError) as error:
                _log.warning("events of other instances do not arrive: %s", type(error).__name__)
            finally:
                self._connection = None
                await connection.aclose()  # type: ignore[no-untyped-call]
            missed = True
            for subscribed in self._subscribed.values():
                subscribed.clear()
            await asyncio.sleep(AGAIN_SECONDS)

    async def _take(self, message: dict[str, Any] | None) -> None:
        if message is None:
            return
        if message["type"] == "subscribe" and message["channel"] in self._subscribed:
            self._subscribed[message["channel"]].set()
        if message["type"] == "message":
            self._deliver(message["channel"], json.loads(message["data"]))

    def _deliver(self, channel: str, events: list[dict[str, Any]]) -> None:
        for follower in self._followers.get(channel, ()):
            for event in events:
                self._put(follower, event)

    def _resync(self) -> None:
        for follower in {one for followers in self._followers.values() for one in followers}:
            self._metrics.followed.labels("resync").inc()
            self._put(follower, {"type": "resync", "reason": "events may be missing: read /v1/costs"})

    def _put(self, follower: Follower, event: dict[str, Any]) -> None:
        try:
            follower.put_nowait(event)
        except asyncio.QueueFull:
            self._metrics.followed.labels("overflowed").inc()
        else:
            self._metrics.followed.labels("queued").inc()

    def _channel(self, user_id: UUID, session_key: str) -> str:
        return self._shared.key("events", user_id, session_key)


def follower() -> Follower:
    """Return a queue for the events that one socket follows."""
    return asyncio.Queue(LONGEST_QUEUE)
