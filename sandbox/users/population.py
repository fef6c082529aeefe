"""The users at work: how many there are of each kind, and how often they act."""

from __future__ import annotations

import itertools
import math
import os
from dataclasses import dataclass
from random import Random

from locust import User

from include.load_test.journeys import Endpoints, HttpJourney, PlatformUser
from include.load_test.websocket_journey import WebSocketJourney
from sandbox.users.identities import user_ids

STEPS_PER_SECOND = 2.0
WATCHED_PROMPTS = 20
WATCH_PAUSE_SECONDS = 2.0

_ids = [str(user) for user in user_ids()]
Random(0).shuffle(_ids)  # noqa: S311  an order, not a secret
_turns = itertools.cycle(_ids)


@dataclass(frozen=True)
class Rates:
    """How busy the users are.

    :param requests: HTTP requests per second in total (``SLIPWAY_USERS_RATE``).
    :param sessions: short WebSocket sessions per second in total (``SLIPWAY_USERS_WEBSOCKET_RATE``).
    :param watchers: users who keep a WebSocket open for about 40 s (``SLIPWAY_USERS_WATCHERS``).
    """

    requests: float = 100.0
    sessions: float = 24.0
    watchers: int = 4

    @classmethod
    def from_environment(cls) -> Rates:
        """Read the three variables.

        :raises ValueError: naming the one that is not a number, or negative.
        """
        return cls(
            requests=_number("SLIPWAY_USERS_RATE", cls.requests),
            sessions=_number("SLIPWAY_USERS_WEBSOCKET_RATE", cls.sessions),
            watchers=int(_number("SLIPWAY_USERS_WATCHERS", cls.watchers)),
        )


class Worker(HttpJourney):
    """Works over HTTP."""

    per_second = STEPS_PER_SECOND

    def pace(self) -> float:
        """Return this user's requests per second."""
        return self.per_second

    def next_user_id(self) -> str:
        """Return the next user in turn."""
        return next(_turns)


class Visitor(WebSocketJourney):
    """Connects, has one prompt optimized, and leaves."""

    per_second = STEPS_PER_SECOND

    def pace(self) -> float:
        """Return this user's sessions per second."""
        return self.per_second

    def next_user_id(self) -> str:
        """Return the next user in turn."""
        return next(_turns)


class Watcher(Visitor):
    """Stays connected for many prompts, as a browser does, and begins again at once."""

    prompts_per_session = WATCHED_PROMPTS
    pause_seconds = WATCH_PAUSE_SECONDS

    def sessions_per_login(self) -> int:
        """Sign in again for every session."""
        return 1


def population(endpoints: Endpoints, rates: Rates) -> list[type[User]]:
    """Return the classes of users at work; the number of each is its ``fixed_count``.

    :param endpoints: production's base URLs.
    :param rates: how busy the users are.
    """
    PlatformUser.endpoints = endpoints
    Worker.fixed_count, Worker.per_second = _shared(rates.requests)
    Visitor.fixed_count, Visitor.per_second = _shared(rates.sessions)
    Watcher.fixed_count = rates.watchers
    return [kind for kind in (Worker, Visitor, Watcher) if kind.fixed_count]


def _shared(rate: float) -> tuple[int, float]:
    """Return how many users it takes for a total rate, and the rate of each."""
    users = math.ceil(rate / STEPS_PER_SECOND)
    return users, rate / users if users else STEPS_PER_SECOND


def _number(name: str, default: float) -> float:
    text = os.environ.get(name) or str(default)
    try:
        number = float(text)
    except ValueError:
        raise ValueError(f"{name}={text!r}: must be a number") from None
    if not 0 <= number <= 10_000:
        raise ValueError(f"{name}={text}: must be between 0 and 10000")
    return number
