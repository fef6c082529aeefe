"""The platform's metrics as late as Cloud Monitoring has them ("Retention and latency of metric data")."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator


class DelayedMetrics:
    """Shows every line as it was a while ago, with that moment, so that a query of now has no newer value.

    :param exposition: gives the lines as they are.
    :param seconds: how late they are; 0 shows them as they are.
    :param clock: seconds since the epoch.
    """

    def __init__(
        self,
        exposition: Callable[[], Iterable[str]],
        seconds: float,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._exposition = exposition
        self._seconds = seconds
        self._clock = clock
        self._kept: deque[tuple[float, list[str]]] = deque()

    def exposition(self) -> Iterator[str]:
        """Lines of the Prometheus text format; none before the first are old enough."""
        if not self._seconds:
            yield from self._exposition()
            return
        now = self._clock()
        self._kept.append((now, list(self._exposition())))
        due = now - self._seconds
        while len(self._kept) > 1 and self._kept[1][0] <= due:
            self._kept.popleft()
        at, lines = self._kept[0]
        if at <= due:
            yield from (line if line.startswith("#") else f"{line} {round(at * 1000)}" for line in lines)
