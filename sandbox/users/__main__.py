"""Run the simulated users until SIGTERM."""

from __future__ import annotations

# Locust patches the standard library for gevent when it is imported, so it comes before everything else.
import locust.env  # isort: skip

import json
import logging
import signal
import sys
import time
from pathlib import Path

import gevent
from gevent.event import Event

from include.load_test.journeys import Endpoints
from sandbox.supervisor.settings import HOST, Settings
from sandbox.users.counts import Counts
from sandbox.users.population import Rates, population

ENDPOINTS_BOUND_SECONDS = 300.0
POLL_SECONDS = 0.5
WRITE_SECONDS = 1.0
STOP_BOUND_SECONDS = 2.0
SPAWN_PER_SECOND = 100

_log = logging.getLogger("sandbox.users")


def main() -> None:
    """Work until SIGTERM, then write the last counts.

    :raises SystemExit: with 1 when production's URLs are not written in time.
    """
    logging.basicConfig(stream=sys.stdout, level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    settings = Settings.from_environment()
    stop = Event()
    gevent.signal_handler(signal.SIGTERM, stop.set)
    gevent.signal_handler(signal.SIGINT, stop.set)
    rates = Rates.from_environment()
    endpoints = _endpoints(settings.run / "endpoints.json", stop)
    if endpoints is None:
        return
    counts = Counts(settings.run / "users")
    classes = population(endpoints, rates)
    environment = locust.env.Environment(user_classes=classes, events=locust.events)
    environment.events.request.add_listener(counts.on_request)  # type: ignore[no-untyped-call]
    runner = environment.create_local_runner()
    web = environment.create_web_ui(HOST, settings.users_port)
    runner.start(sum(kind.fixed_count for kind in classes), SPAWN_PER_SECOND)
    _log.info("users at work: %s; page on http://%s:%d", rates, HOST, settings.users_port)
    while not stop.wait(WRITE_SECONDS):
        counts.write()
    with gevent.Timeout(STOP_BOUND_SECONDS, False):
        runner.quit()
    counts.close()
    web.stop()  # type: ignore[no-untyped-call]
    _log.info("users are gone: %d requests, %d dropped", counts.requests, counts.dropped)


def _endpoints(path: Path, stop: Event) -> Endpoints | None:
    """Return production's URLs as soon as they are written; None when stopped before."""
    deadline = time.monotonic() + ENDPOINTS_BOUND_SECONDS
    while not path.exists():
        if time.monotonic() > deadline:
            _log.error("%s was not written within %.0f s: is the cloud up?", path, ENDPOINTS_BOUND_SECONDS)
            sys.exit(1)
        if stop.wait(POLL_SECONDS):
            return None
    return Endpoints(**json.loads(path.read_text())["production"])


if __name__ == "__main__":
    main()
