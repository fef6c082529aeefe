"""The staging load test: ``locust --headless -f include/load_test/locustfile.py --users 150 --run-time 15s``.

Run it in the repository's root. Environment: ``BACKEND_URL``, ``AUTH_URL``, ``FRONTEND_URL``;
``LOAD_TEST_RATE``: requests per second in total, 100 by default; ``LOAD_TEST_REPORT``: path of the JSON
report; ``PRICING``: JSON object with the ``LLM_PRICING_*`` prices that costs are checked with.
"""

from __future__ import annotations

import json
import logging
import os
from pathlib import Path
from typing import Any

import gevent
import httpx
from locust import events

from include.load_test import answers, memory
from include.load_test.journeys import Endpoints, HttpJourney
from include.load_test.measurements import Measurements
from include.load_test.websocket_journey import WebSocketJourney

# Of ten users nine work over HTTP; of ten requests two are made on a WebSocket.
HTTP_WEIGHT, WEBSOCKET_WEIGHT = 9, 1
WEBSOCKET_SHARE = 0.2
WARM_UP_SHARE, LONGEST_WARM_UP_SECONDS = 0.25, 60.0
METRICS_TIMEOUT_SECONDS = 5.0

_endpoints = Endpoints.from_environment()
_rate = float(os.environ.get("LOAD_TEST_RATE", "100"))
_prices = answers.input_prices(os.environ.get("PRICING", ""))
_log = logging.getLogger(__name__)
logging.getLogger("httpx").setLevel(logging.WARNING)


class LoadTest:
    """The state of one run."""

    def __init__(self) -> None:
        self.measurements = Measurements()
        self.first_memory: dict[float, int] = {}
        self.users = 0
        self.warm_up: gevent.Greenlet | None = None


_run = LoadTest()


class HttpUser(HttpJourney):
    """A user of the API."""

    weight = HTTP_WEIGHT
    endpoints = _endpoints

    def pace(self) -> float:
        """Return this user's share of the HTTP requests per second."""
        users = self.environment.parsed_options.num_users or 1
        share = HTTP_WEIGHT / (HTTP_WEIGHT + WEBSOCKET_WEIGHT)
        return _rate * (1 - WEBSOCKET_SHARE) / max(1.0, users * share)

    def prices(self) -> dict[str, Any]:
        """Return the public prices, when they were given."""
        return _prices

    def answered(self, answer: dict[str, Any], cost_accurate: bool) -> None:
        """Measure what was saved."""
        _run.measurements.on_answer(answer, cost_accurate)


class WebSocketUser(WebSocketJourney):
    """A user who watches optimizations as they happen."""

    weight = WEBSOCKET_WEIGHT
    endpoints = _endpoints
    prompts_per_session = 2

    def pace(self) -> float:
        """Return this user's share of the WebSocket sessions per second."""
        users = self.environment.parsed_options.num_users or 1
        share = WEBSOCKET_WEIGHT / (HTTP_WEIGHT + WEBSOCKET_WEIGHT)
        return _rate * WEBSOCKET_SHARE / self.prompts_per_session / max(1.0, users * share)


@events.test_start.add_listener
def begin(environment: Any, **_: Any) -> None:
    """Start measuring; memory counts from when the warm-up is over."""
    _run.measurements = Measurements()
    _run.users = environment.parsed_options.num_users or 0
    environment.events.request.add_listener(_run.measurements.on_request)
    run_time = environment.parsed_options.run_time
    seconds = float(run_time) if isinstance(run_time, int | float) else LONGEST_WARM_UP_SECONDS
    warm_up = min(LONGEST_WARM_UP_SECONDS, seconds * WARM_UP_SHARE)
    _run.warm_up = gevent.spawn_later(warm_up, _measure_first_memory)


@events.test_stop.add_listener
def end(environment: Any, **_: Any) -> None:
    """Write the report."""
    if _run.warm_up is not None:
        _run.warm_up.kill()
    # Without a first reading there is nothing to compare with.
    last = dict(memory.readings(_metrics, wanted=_run.first_memory)) if _run.first_memory else {}
    usage = memory.compared(_run.first_memory, last)
    report = _run.measurements.report(_run.users, usage)
    _log.info("load test: %s", json.dumps(report))
    if not report["requests"]:
        _log.error("the load test made no request: it shows nothing")
    path = os.environ.get("LOAD_TEST_REPORT")
    if path:
        Path(path).write_text(json.dumps(report, indent=2) + "\n")


def _measure_first_memory() -> None:
    for started, resident in memory.readings(_metrics):
        _run.first_memory.setdefault(started, resident)


def _metrics() -> str:
    url = f"{_endpoints.backend}/metrics"
    return httpx.get(url, timeout=METRICS_TIMEOUT_SECONDS, trust_env=False).text
