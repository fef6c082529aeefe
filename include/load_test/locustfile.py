"""The staging load test: ``locust --headless -f include/load_test/locustfile.py --users 150 --run-time 15s``.

Run it in the repository's root. Environment: ``BACKEND_URL``, ``AUTH_URL``, ``FRONTEND_URL``;
``LOAD_TEST_RATE``: requests per second in total; ``LOAD_TEST_COSTS_WITHIN_SECONDS``: costs must show an
answer so long after it; ``LOAD_TEST_REPORT``: path of the JSON report; ``LOAD_TEST_SHARE``: path of all that
was measured, of which ``merge.py`` makes one report with other generators'; ``PRICING``: JSON object with the
``LLM_PRICING_*`` prices that costs are checked with.
"""

from __future__ import annotations

import json
import logging
import os
import time
from pathlib import Path
from typing import Any
from uuid import uuid4

import gevent
import httpx
from locust import events

from include.load_test import answers
from include.load_test.generator import GeneratorWatch
from include.load_test.journeys import Endpoints, HttpJourney, PlatformUser
from include.load_test.measurements import Measurements
from include.load_test.memory import READERS, MemorySeries
from include.load_test.prompts import Prompt, generate_conversation
from include.load_test.websocket_journey import WebSocketJourney

# Of ten users nine work over HTTP; of ten requests two are made on a WebSocket.
HTTP_WEIGHT, WEBSOCKET_WEIGHT = 9, 1
WEBSOCKET_SHARE = 0.2
METRICS_TIMEOUT_SECONDS = 5.0

_endpoints = Endpoints.from_environment()
_rate = float(os.environ.get("LOAD_TEST_RATE", "100"))
_costs_within = float(os.environ.get("LOAD_TEST_COSTS_WITHIN_SECONDS", "5"))
_prices = answers.input_prices(os.environ.get("PRICING", ""))
# A new connection each time may reach another instance.
_client = httpx.Client(
    timeout=METRICS_TIMEOUT_SECONDS, trust_env=False, limits=httpx.Limits(max_keepalive_connections=0)
)
_log = logging.getLogger(__name__)
logging.getLogger("httpx").setLevel(logging.WARNING)


def _metrics() -> str:
    return _client.get(f"{_endpoints.backend}/metrics").text


class LoadTest:
    """The state of one run.

    :param users: users that it is to have.
    :param seconds: how long it is to last, in s.
    """

    def __init__(self, users: int, seconds: float) -> None:
        self.users = users
        self.began_at = time.time()
        self.measurements = Measurements(seconds)
        self.generator = GeneratorWatch(users)
        self.memory = MemorySeries(_metrics, seconds, sleep=gevent.sleep)
        self.greenlets: list[gevent.Greenlet] = []

    def share(self) -> dict[str, Any]:
        """Return everything that this generator measured, for ``merge.py``."""
        return {
            "users": self.users,
            "began_at": self.began_at,
            "measurements": self.measurements.share(),
            "memory": self.memory.share(),
            "generator": self.generator.share(),
        }


_run = LoadTest(0, 1.0)


class MeasuredUser(PlatformUser):
    """A user of the load test: one person for the whole load, who keeps up, and whom everything counts of."""

    abstract = True
    endpoints = _endpoints
    keeps_up = True

    def on_start(self) -> None:
        """Become somebody."""
        self._user_id = str(uuid4())
        _run.generator.requests[id(self)] += 0
        super().on_start()

    def next_user_id(self) -> str:
        """Return who this user is."""
        return self._user_id

    def wait_time(self) -> float:
        """Count the step that was done, and return the seconds until the next one is due."""
        _run.generator.requests[id(self)] += 1
        return super().wait_time()

    def prompt(self) -> Prompt:
        """Return a message, or a conversation."""
        return generate_conversation(self.random)

    def prices(self) -> dict[str, Any]:
        """Return the public prices, when they were given."""
        return _prices

    def answered(self, answer: dict[str, Any], cost_accurate: bool) -> None:
        """Measure what was saved."""
        _run.measurements.on_answer(answer, cost_accurate)

    def saw_session(self, is_foreign: bool) -> None:
        """Count whose session it was."""
        _run.measurements.on_isolation(is_foreign)


class HttpUser(MeasuredUser, HttpJourney):
    """A user of the API."""

    weight = HTTP_WEIGHT
    prompts_per_costs = 6
    costs_within_seconds = _costs_within
    may_spend_budget = False

    def pace(self) -> float:
        """Return this user's share of the HTTP requests per second."""
        share = HTTP_WEIGHT / (HTTP_WEIGHT + WEBSOCKET_WEIGHT)
        return _rate * (1 - WEBSOCKET_SHARE) / max(1.0, _run.users * share)

    def saw_costs(self, is_wrong: bool) -> None:
        """Count whether the costs followed."""
        _run.measurements.on_costs(is_wrong)


class WebSocketUser(MeasuredUser, WebSocketJourney):
    """A user who watches optimizations as they happen."""

    weight = WEBSOCKET_WEIGHT
    prompts_per_session = 2

    def pace(self) -> float:
        """Return this user's share of the WebSocket sessions per second."""
        share = WEBSOCKET_WEIGHT / (HTTP_WEIGHT + WEBSOCKET_WEIGHT)
        return _rate * WEBSOCKET_SHARE / self.prompts_per_session / max(1.0, _run.users * share)


@events.test_start.add_listener
def begin(environment: Any, **_: Any) -> None:
    """Start measuring."""
    global _run
    run_time = environment.parsed_options.run_time
    seconds = float(run_time) if isinstance(run_time, int | float) else 60.0
    _run = LoadTest(environment.parsed_options.num_users or 0, seconds)
    environment.events.request.add_listener(_run.measurements.on_request)
    environment.events.user_error.add_listener(_run.measurements.on_user_error)

    def users() -> int:
        working = int(environment.runner.user_count)
        _run.measurements.on_users(working)
        return working

    _run.greenlets = [
        gevent.spawn(_run.generator.run, users, gevent.sleep),
        *(gevent.spawn_later(number / READERS, _run.memory.run) for number in range(READERS)),
    ]


@events.test_stop.add_listener
def end(environment: Any, **_: Any) -> None:
    """Write the report."""
    gevent.killall(_run.greenlets)
    report = _run.measurements.report(_run.users, _run.memory.report(), _run.generator.report())
    shown = {key: value for key, value in report.items() if key not in ("memory", "timeline")}
    _log.info("load test: %s", json.dumps(shown))
    if not report["requests"]:
        _log.error("the load test made no request: it shows nothing")
    path = os.environ.get("LOAD_TEST_REPORT")
    if path:
        Path(path).write_text(json.dumps(report, indent=2) + "\n")
    path = os.environ.get("LOAD_TEST_SHARE")
    if path:
        Path(path).write_text(json.dumps(_run.share()))
