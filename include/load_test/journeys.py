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
from include.load_test.cost_tracking import TrackedCosts
from include.load_test.prompts import Prompt, generate

ANSWER_TIMEOUT_SECONDS = 10.0
BUDGET_SPENT = 402
DASHBOARD_MARK = 'id="saved"'
UNREADABLE = (ValueError, LookupError, TypeError, AttributeError, ArithmeticError)


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
    With ``keeps_up`` every step stays due at its time, however late the one before it ends, and the context
    of each request tells ``late_ms``: how long after it was due it is sent.
    """

    abstract = True
    endpoints: Endpoints
    keeps_up = False
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
        """Return the seconds until the next step is due."""
        now = time.perf_counter()
        self._due += self._interval
        if not self.keeps_up:
            self._due = max(now, self._due)
        return max(0.0, self._due - now)

    def context(self) -> dict[str, Any]:
        """Return how late the present step began; Locust passes it on with each request."""
        return {"late_ms": self._late_ms} if self.keeps_up else {}

    @task
    def step(self) -> None:
        """Do the next step of the session, or the first one of a new session.

        A session that an exception ends does not go on.
        """
        self._late_ms = max(0.0, now_ms(self._due))
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
            try:
                token = response.json()["token"]
            except UNREADABLE:
                token = None
            if not isinstance(token, str) or not token:
                response.failure("the answer holds no token")
                return None
            return token

    def check_answer(
        self, answer: dict[str, Any], user_id: str, session_key: str, prompt: Prompt
    ) -> str | None:
        """Return what is wrong with an optimize answer, or None.

        :raises ValueError: and others of :data:`UNREADABLE`, for an answer that is none.
        """
        wrong = answers.mistake(answer, user_id, session_key, prompt.text)
        accurate = answers.is_cost_accurate(answer, prompt.model, self.prices())
        self.saw_session(answers.is_foreign(answer, user_id, session_key))
        self.answered(answer, accurate)
        return wrong or (None if accurate else "the costs are wrong")

    def prompt(self) -> Prompt:
        """Return what is to be optimized next; a message, unless a subclass knows better."""
        return generate(self.random)

    def prices(self) -> dict[str, Any]:
        """Return the prices to check costs with; none unless a subclass knows them."""
        return {}

    def answered(self, answer: dict[str, Any], cost_accurate: bool) -> None:
        """Take note of an optimize answer; a subclass may want to."""

    def saw_session(self, is_foreign: bool) -> None:
        """Take note of whose session an answer or event carried; a subclass may want to."""


class HttpJourney(PlatformUser):
    """Sessions over HTTP: sign in, optimize prompts, follow the costs now and then."""

    abstract = True
    prompts_per_session = 18
    #: Costs are looked at after so many prompts, and at the end of a session.
    prompts_per_costs = 18
    #: Costs show an answer at the latest so long after it; None: what they show is not checked.
    costs_within_seconds: float | None = None
    #: Whether an answer 402 is all right, because users may have spent their budgets.
    may_spend_budget = True
    _met = False
    _tracked: tuple[str, TrackedCosts] | None = None

    def steps(self) -> Iterator[None]:
        """Yield after each request of one session."""
        user_id = self.next_user_id()
        token = self.log_in(user_id)
        yield
        if token is None:
            return
        headers = {"Authorization": f"Bearer {token}"}
        session_key = f"http-{uuid4()}"
        tracked = self._costs_of(user_id)
        for number in range(1, self._prompts() + 1):
            self._optimize(user_id, session_key, headers, tracked)
            yield
            if not number % self.prompts_per_costs and number < self.prompts_per_session:
                self._look_at_costs(user_id, headers, tracked)
                yield
        self._look_at_costs(user_id, headers, tracked)
        yield
        self._look_at_dashboard(headers)
        yield

    def saw_costs(self, is_wrong: bool) -> None:
        """Take note of whether the costs followed the answers; a subclass may want to."""

    def _prompts(self) -> int:
        # A user is met somewhere in their first session, so that the users' sessions do not end all at once.
        whole, self._met = self._met, True
        return self.prompts_per_session if whole else self.random.randint(1, self.prompts_per_session)

    def _costs_of(self, user_id: str) -> TrackedCosts | None:
        if self.costs_within_seconds is None:
            return None
        if self._tracked is None or self._tracked[0] != user_id:
            self._tracked = (user_id, TrackedCosts(self.costs_within_seconds))
        return self._tracked[1]

    def _optimize(
        self, user_id: str, session_key: str, headers: dict[str, str], tracked: TrackedCosts | None
    ) -> None:
        prompt = self.prompt()
        body = {
            "session_key": session_key,
            "agent_name": prompt.agent_name,
            "model": prompt.model,
            "prompt": prompt.text,
        }
        with self.client.post(
            "/v1/optimize", json=body, headers=headers, name="/v1/optimize", catch_response=True
        ) as response:
            if response.status_code == BUDGET_SPENT and self.may_spend_budget:
                response.success()
                return
            if response.status_code != 200:
                response.failure(f"status {response.status_code}: {response.error or 'refused'}")
                wrong, answer = None, None
            else:
                try:
                    answer = response.json()
                    wrong = self.check_answer(answer, user_id, session_key, prompt)
                except UNREADABLE as error:
                    wrong, answer = f"the answer cannot be read: {error!r}", None
            if wrong:
                response.failure(wrong)
        if tracked is not None:
            if answer is None:
                tracked.unanswered()
            else:
                tracked.answered(answer, time.perf_counter())

    def _look_at_costs(self, user_id: str, headers: dict[str, str], tracked: TrackedCosts | None) -> None:
        asked_at = time.perf_counter()
        with self.client.get("/v1/costs", headers=headers, name="/v1/costs", catch_response=True) as response:
            if response.status_code != 200:
                response.failure(f"status {response.status_code}: {response.error or 'refused'}")
                return
            try:
                costs = response.json()
                foreign = bool(costs["user_id"] != user_id)
                wrong = None if tracked is None else tracked.mistake(costs, asked_at)
            except UNREADABLE as error:
                response.failure(f"the costs cannot be read: {error!r}")
                return
            self.saw_session(foreign)
            self.saw_costs(wrong is not None)
            if foreign or wrong:
                response.failure("the costs are another user's" if foreign else wrong)

    def _look_at_dashboard(self, headers: dict[str, str]) -> None:
        with self.client.get(
            f"{self.endpoints.frontend}/dashboard", headers=headers, name="/dashboard", catch_response=True
        ) as response:
            if response.status_code != 200:
                response.failure(f"status {response.status_code}: {response.error or 'refused'}")
            elif DASHBOARD_MARK not in (response.text or ""):
                response.failure("the page does not show what was saved")


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
