"""The backend's resident memory over the whole load, instance by instance, from its own metrics."""

from __future__ import annotations

import logging
import re
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Any

import httpx

MOST_READINGS = 240
ATTEMPTS = 4
_PAUSE_SECONDS = 0.25
#: A busy backend takes up to a second to answer, and is read ten times a second: so many take turns.
READERS = 8
_LEAST_INTERVAL_SECONDS = 0.1
_INSTANCES = 4

_RESIDENT = re.compile(r"^process_resident_memory_bytes(?:\{[^}]*\})? (\S+)$", re.MULTILINE)
_STARTED = re.compile(r"^process_start_time_seconds(?:\{[^}]*\})? (\S+)$", re.MULTILINE)
_log = logging.getLogger(__name__)


class MemorySeries:
    """Readings of the instances that answered. An instance is known by the time it started.

    :param read: fetches the backend's ``/metrics``; each read may reach another instance.
    :param seconds: how long the load lasts; the readings are spread over it.
    :param clock: says the time in s.
    :param sleep: waits for seconds.
    """

    def __init__(
        self,
        read: Callable[[], str],
        seconds: float,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._read, self._clock, self._sleep = read, clock, sleep
        self._interval = READERS * max(_LEAST_INTERVAL_SECONDS, seconds / MOST_READINGS / _INSTANCES)
        self._began = clock()
        self._series: dict[float, list[tuple[float, int]]] = defaultdict(list)
        self.failed = 0

    def run(self) -> None:
        """Read until killed, as one of :data:`READERS`.

        A reading that takes longer than the interval delays the next one alone.
        """
        due = self._clock()
        while True:
            self.take()
            now = self._clock()
            due = max(now, due + self._interval)
            self._sleep(due - now)

    def take(self) -> None:
        """Take one reading; one that fails is tried again."""
        for attempt in range(ATTEMPTS):
            if attempt:
                self._sleep(_PAUSE_SECONDS)
            reading = self._reading()
            if reading is not None:
                started, resident = reading
                self._series[started].append((round(self._clock() - self._began, 3), resident))
                return
        self.failed += 1

    def report(self) -> dict[str, Any]:
        """Return the series, thinned evenly to at most :data:`MOST_READINGS` of each instance."""
        instances = []
        for started, readings in sorted(self._series.items()):
            step = -(-len(readings) // MOST_READINGS)
            kept = readings[::-1][::step][::-1]
            instances.append(
                {
                    "started_at": started,
                    "at_seconds": [at for at, _ in kept],
                    "resident_bytes": [resident for _, resident in kept],
                }
            )
        return {"instances": instances, "failed_readings": self.failed}

    def share(self) -> dict[str, Any]:
        """Return all readings, as JSON values that :meth:`add` takes."""
        return {"series": list(self._series.items()), "failed": self.failed}

    def add(self, share: Mapping[str, Any], after_seconds: float) -> None:
        """Take what another generator of the same load read.

        :param share: of the other one's :meth:`share`.
        :param after_seconds: how much later than this one it began, in s.
        """
        for started, readings in share["series"]:
            series = self._series[started]
            series.extend((round(at + after_seconds, 3), resident) for at, resident in readings)
            series.sort()
        self.failed += share["failed"]

    def _reading(self) -> tuple[float, int] | None:
        try:
            text = self._read()
        except httpx.HTTPError as error:
            _log.warning("the backend's memory could not be read: %s", type(error).__name__)
            return None
        started, resident = _STARTED.search(text), _RESIDENT.search(text)
        return (float(started.group(1)), int(float(resident.group(1)))) if started and resident else None
