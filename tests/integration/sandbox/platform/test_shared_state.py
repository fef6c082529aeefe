"""Two instances of one revision share sessions, rate limits and events by Redis, and go on without it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from redis import Redis
from websockets.sync.client import ClientConnection, connect

from include.load_test.prompts import Prompt, corpus
from sandbox.databases import redis
from sandbox.supervisor.processes import kill
from sandbox.supervisor.processes import start as start_server
from sandbox.supervisor.settings import HOST, Settings
from tests.integration.sandbox.platform.services import Service, User, backend_environment, start
from tests.own_sandbox import own_sandbox
from tests.waiting import BOUND_SECONDS, until

pytestmark = pytest.mark.sandbox
LIMIT = 40
PROMPT: Prompt = corpus(1)[0]


@dataclass
class Instances:
    """A Redis that can end, and two instances that share it."""

    settings: Settings
    process: Any
    one: Service
    other: Service

    def end_redis(self) -> None:
        """End it as a power cut."""
        kill(self.process)

    def start_redis(self) -> None:
        """Start it, empty."""
        self.process = start_server(redis.program(self.settings), self.settings)

    def counts(self, user: User, service: Service) -> dict[str, Any]:
        """Have a prompt optimized by an instance; return the session in the answer."""
        answer = User(service, user.client, user.user_id).optimize(PROMPT).raise_for_status().json()
        session: dict[str, Any] = answer["session"]
        return session


@pytest.fixture(scope="module")
def instances(database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instances]:
    """Both instances, and their Redis."""
    folder: Path = tmp_path_factory.mktemp("instances")
    with own_sandbox() as settings:
        process = start_server(redis.program(settings), settings)
        environment = backend_environment(
            database, REDIS_URL=redis.url(settings), RATE_LIMIT_PER_MINUTE=str(LIMIT)
        )
        services = [start("backend", environment, folder / name) for name in ("one", "other")]
        made = Instances(settings, process, *services)
        yield made
        made.end_redis()
        for service in services:
            service.process.kill()
            service.process.wait()


@contextmanager
def _following(user: User, service: Service) -> Iterator[ClientConnection]:
    """Open a socket to an instance that follows the user's session on all instances."""
    follow = json.dumps({"type": "follow", "session_key": f"of-{user.user_id}"})
    with connect(f"ws://{HOST}:{service.port}/v1/events?token={user.token}") as socket:

        def everywhere() -> bool:
            socket.send(follow)
            while (event := _next(socket))["type"] != "following":
                pass
            return bool(event["events_of"] == "all instances")

        until(everywhere, "the channels of all instances")
        yield socket


def _next(socket: ClientConnection) -> dict[str, Any]:
    event: dict[str, Any] = json.loads(socket.recv(BOUND_SECONDS))
    return event


def test_a_session_is_counted_over_both_instances(instances: Instances, client: httpx.Client) -> None:
    user = User.of(instances.one, client)
    seen = [instances.counts(user, service)["requests"] for service in (instances.one, instances.other) * 2]
    assert seen == [1, 2, 3, 4]


def test_an_event_of_one_instance_reaches_a_client_of_the_other(
    instances: Instances, client: httpx.Client
) -> None:
    user, stranger = User.of(instances.one, client), User.of(instances.one, client)
    with _following(user, instances.other) as socket:
        stranger.optimize(PROMPT).raise_for_status()
        answer = user.optimize(PROMPT).raise_for_status().json()
        events = [_next(socket), _next(socket)]
    assert [event["type"] for event in events] == ["cost.updated", "optimization.completed"]
    assert {event["request_id"] for event in events} == {answer["request_id"]}
    assert events[0]["cost_usd"] == answer["cost_usd"]


def test_requests_of_a_user_are_limited_over_both_instances(
    instances: Instances, client: httpx.Client
) -> None:
    user = User.of(instances.one, client)
    for service in (instances.one, instances.other) * 2:
        instances.counts(user, service)
    with Redis.from_url(redis.url(instances.settings), decode_responses=True) as server:
        keys = list(server.scan_iter(f"staging:rate:{user.user_id}:*"))
        # A minute may turn in between.
        assert sum(int(server.get(key)) for key in keys) == 4
        assert all(0 < server.ttl(key) <= 120 for key in keys)
        for key in keys:
            # The next minute, too: it may turn now.
            server.set(f"{key.rpartition(':')[0]}:{int(key.rpartition(':')[2]) + 1}", LIMIT, ex=60)
            server.set(key, LIMIT, ex=60)
    refused = user.optimize(PROMPT)
    assert refused.status_code == 429
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    assert instances.one.metric("rate_limit_checks_total", outcome="limited") == 1


def test_without_redis_sessions_go_on_from_the_database_and_nobody_is_limited(
    instances: Instances, client: httpx.Client
) -> None:
    user = User.of(instances.one, client)
    with _following(user, instances.other) as socket:
        assert instances.counts(user, instances.one)["requests"] == 1
        assert [_next(socket)["type"] for _ in range(2)] == ["cost.updated", "optimization.completed"]
        until(lambda: user.costs()["requests"] == 1, "the request on record")
        instances.end_redis()
        # The other instance has not seen the session: it begins with the usage on record.
        assert instances.counts(user, instances.other)["requests"] == 2
        assert [_next(socket)["type"] for _ in range(2)] == ["cost.updated", "optimization.completed"]
        assert instances.other.metric("redis_up") == 0
        assert instances.other.metric("rate_limit_checks_total", outcome="unchecked") == 1
        until(lambda: user.costs()["requests"] == 2, "the second request on record")

        instances.start_redis()

        def back() -> bool:
            instances.counts(user, instances.other)
            return instances.other.metric("redis_up") == 1

        until(back, "Redis in use again")
        # It is empty, and begins with what the instances know.
        assert instances.counts(user, instances.other)["requests"] >= 4
        while _next(socket)["type"] != "resync":
            pass
        known = instances.counts(user, instances.one)
        while (event := _next(socket))["type"] != "optimization.completed" or event["session"] != known:
            pass
