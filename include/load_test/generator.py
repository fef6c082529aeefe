"""What the load test did itself, so that its findings can be trusted: users, requests, CPU, lateness."""

from __future__ import annotations

import time
from array import array
from collections import Counter
from collections.abc import Callable
from typing import Any

_BEAT_SECONDS = 0.05


class GeneratorWatch:
    """The generator's own heartbeat, its processor time, and its users.

    :param planned: users that the load test is to have.
    :param clock: says the time in s.
    :param cpu: says the processor time of the process in s.
    """

    def __init__(
        self,
        planned: int,
        clock: Callable[[], float] = time.perf_counter,
        cpu: Callable[[], float] = time.process_time,
    ) -> None:
        self._planned, self._clock, self._cpu = planned, clock, cpu
        self._began = self._last = clock()
        self._cpu_began = cpu()
        self.lateness_ms = array("d")
        self.peak = 0
        self.full_seconds = 0.0
        self._full_until = 0.0
        #: Steps of each user; one who makes none is counted too.
        self.requests: Counter[int] = Counter()

    def run(self, users: Callable[[], int], sleep: Callable[[float], None]) -> None:
        """Beat until killed.

        :param users: says how many users there are.
        :param sleep: waits for seconds.
        """
        while True:
            due = self._clock() + _BEAT_SECONDS
            sleep(_BEAT_SECONDS)
            self.beat(users(), max(0.0, self._clock() - due))

    def beat(self, users: int, late_seconds: float) -> None:
        """Take note of a heartbeat.

        :param users: users that there are now.
        :param late_seconds: how much later than due it came, in s.
        """
        now = self._clock()
        if users >= self._planned:
            self.full_seconds += now - self._last
            self._full_until = now - self._began
        self._last = now
        self.peak = max(self.peak, users)
        self.lateness_ms.append(late_seconds * 1000)

    def report(self) -> dict[str, Any]:
        """Return what the generator did."""
        seconds = self._clock() - self._began
        return {
            "peak_users": self.peak,
            "full_load_seconds": round(self.full_seconds, 3),
            "least_requests_of_a_user": min(self.requests.values(), default=0),
            "cpu_percent": round(100 * (self._cpu() - self._cpu_began) / seconds, 1) if seconds else None,
            "lateness_p95_ms": percentile(self.lateness_ms, 95),
        }

    def share(self) -> dict[str, Any]:
        """Return what the generator did, and until when, in s since it began, all of its users worked."""
        return {**self.report(), "full_until_seconds": self._full_until}


def percentile(values: array[float], percent: float) -> float | None:
    """Return the nearest-rank percentile, or None of nothing."""
    if not values:
        return None
    ordered = sorted(values)
    # In whole numbers: 0.95 of 20 values is the 19th, whatever binary fractions make of it.
    return round(ordered[max(0, -(-len(ordered) * round(percent) // 100) - 1)], 3)
