"""What the platform's users do, as Locust users: work over HTTP, and sessions on a WebSocket.

Everything is reported through Locust's ``request`` event. Requests are never sent twice: a dropped request
must be seen as one.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Any
from uuid import uuid4

import gevent
from geventhttpclient.client import HTTPClient, HTTPClientPool
from locust import FastHttpUser, task

from include.load_test import answers
from include.load_test.prompts import generate

ANSWER_TIMEOUT_SECONDS = 10.0
BUDGET_SPENT = 402


@dataclass(frozen=True)
class Endpoints:
    """Base URLs of the three services."""

    backend: str
    auth: str
    frontend: str

    @classmethod
    def from_environment(cls) -> Endpoints:
        """Read ``BACKEND_URL``, ``AUTH_URL`` and ``FRONTEND_URL``.

        :raises KeyError: naming the variable that is not set.
        """
        names = ("BACKEND_URL", "AUTH_URL", "FRONTEND_URL")
        return cls(*(os.environ[name].rstrip("/") for name in names))


class PlatformUser(FastHttpUser):
    """A user with a connection of their own and a steady pace.

    ``endpoints`` and :meth:`pace` come from the subclass; :meth:`steps` yields after every request.
    """

    abstract = True
    endpoints: Endpoints
    random = Random()
    connection_timeout = network_timeout = ANSWER_TIMEOUT_SECONDS

    def __init__(self, environment: Any) -> None:
        self.host = self.endpoints.backend
        super().__init__(environment)
        agent = self.client.client
        agent.clientpool = OneAttemptPool(**agent.clientpool.client_args)
        self._steps: Iterator[None] = iter(())

    def on_start(self) -> None:
        """Begin at a random moment, so that users do not work in step."""
        self._interval = 1 / self.pace()
        gevent.sleep(self.random.uniform(0, self._interval))
        self._due = time.perf_counter()

    def wait_time(self) -> float:
        """Return the seconds until the next step is due; steps that were missed are not made up for."""
        now = time.perf_counter()
        self._due = max(now, self._due + self._interval)
        return self._due - now

    @task
    def step(self) -> None:
        """Do the next step of the session, or the first one of a new session."""
        try:
            next(self._steps)
        except StopIteration:
            self._steps = self.steps()
            next(self._steps, None)

    def pace(self) -> float:
        """Return the steps this user takes per second."""
        raise NotImplementedError(f"{type(self).__name__} must say its pace")

    def steps(self) -> Iterator[None]:
        """Yield after each step of one session."""
        raise NotImplementedError(f"{type(self).__name__} must say its steps")

    def next_user_id(self) -> str:
        """Return who works in the next session; a new user each time unless a subclass knows better."""
        return str(uuid4())

    def log_in(self, user_id: str) -> str | None:
        """Return a token for the user, or None when the auth service gave none."""
        url = f"{self.endpoints.auth}/v1/token"
        with self.client.post(
            url, json={"user_id": user_id}, name="/v1/token", catch_response=True
        ) as response:
            if response.status_code != 200:
                response.failure(f"status {response.status_code}")
                return None
            token = response.json()["token"]
            assert isinstance(token, str)
            return token


class HttpJourney(PlatformUser):
    """Sessions over HTTP: sign in, optimize prompts, look at the costs now and then."""

    abstract = True
    prompts_per_session = 18
    _met = False

    def steps(self) -> Iterator[None]:
        """Yield after each request of one session."""
        user_id = self.next_user_id()
        token = self.log_in(user_id)
        yield
        if token is None:
            return
        headers = {"Authorization": f"Bearer {token}"}
        session_key = f"http-{uuid4()}"
        for _ in range(self._prompts()):
            self._optimize(user_id, session_key, headers)
            yield
        self.client.get("/v1/costs", headers=headers, name="/v1/costs")
        yield
        self.client.get(f"{self.endpoints.frontend}/dashboard", headers=headers, name="/dashboard")
        yield

    def _prompts(self) -> int:
        # A user is met somewhere in their first session, so that the users' sessions do not end all at once.
        whole, self._met = self._met, True
        return self.prompts_per_session if whole else self.random.randint(1, self.prompts_per_session)

    def _optimize(self, user_id: str, session_key: str, headers: dict[str, str]) -> None:
        prompt = generate(self.random)
        body = {
            "session_key": session_key,
            "agent_name": prompt.agent_name,
            "model": prompt.model,
            "prompt": prompt.text,
        }
        with self.client.post(
            "/v1/optimize", json=body, headers=headers, name="/v1/optimize", catch_response=True
        ) as response:
            if response.status_code == BUDGET_SPENT:
                response.success()
            elif response.status_code != 200:
                response.failure(f"status {response.status_code}: {response.error or 'refused'}")
            else:
                self._check(response, user_id, session_key, prompt.text, prompt.model)

    def _check(self, response: Any, user_id: str, session_key: str, prompt: str, model: str) -> None:
        try:
            answer = response.json()
            wrong = answers.mistake(answer, user_id, session_key, prompt)
            accurate = answers.is_cost_accurate(answer, model, self.prices())
        except (ValueError, KeyError, TypeError, ArithmeticError) as error:
            response.failure(f"the answer cannot be read: {error!r}")
            return
        self.answered(answer, accurate)
        if wrong or not accurate:
            response.failure(wrong or "the costs are wrong")

    def prices(self) -> dict[str, Any]:
        """Return the prices to check costs with; none unless a subclass knows them."""
        return {}

    def answered(self, answer: dict[str, Any], cost_accurate: bool) -> None:
        """Take note of an optimize answer; a subclass may want to."""


class OneAttemptPool(HTTPClientPool):
    """Clients that send every request once, where geventhttpclient would send idempotent ones again."""

    def get_client(self, url: Any) -> HTTPClient:
        """Return the client for a URL."""
        client = super().get_client(url)
        # HTTPClient.request() sends again "size + 1" times; the pool itself was sized when it was made.
        client._connection_pool.size = -1
        return client


def now_ms(began: float) -> float:
    """Return the milliseconds since ``began`` on the performance counter."""
    return (time.perf_counter() - began) * 1000
