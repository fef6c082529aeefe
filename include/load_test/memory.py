"""The backend's resident memory, read from its own metrics through the load balancer."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Collection, Iterator
from statistics import mean

import httpx

SAMPLES = 12
BOUND_SECONDS = 20.0
_PAUSE_SECONDS = 0.25

_RESIDENT = re.compile(r"^process_resident_memory_bytes(?:\{[^}]*\})? (\S+)$", re.MULTILINE)
_STARTED = re.compile(r"^process_start_time_seconds(?:\{[^}]*\})? (\S+)$", re.MULTILINE)
_log = logging.getLogger(__name__)


def readings(
    read: Callable[[], str],
    *,
    wanted: Collection[float] = (),
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[tuple[float, int]]:
    """Yield the start time and the resident bytes of the process that answered, once per answer.

    Each read may reach another instance; an instance is known by the time it started. A read that fails,
    or whose answer holds no such metrics, is tried again until :data:`BOUND_SECONDS` are over.

    :param read: fetches the backend's ``/metrics``.
    :param wanted: start times of instances; when there are any, reading goes on until one of them answered.
    :param clock: says the time in seconds.
    :param sleep: waits for seconds.
    """
    answers, met = 0, not wanted
    ends = clock() + BOUND_SECONDS
    while (answers < SAMPLES or not met) and clock() < ends:
        reading = _reading(read)
        if reading is not None:
            answers += 1
            met = met or reading[0] in wanted
            yield reading
        if reading is None or answers >= SAMPLES:
            sleep(_PAUSE_SECONDS)


def _reading(read: Callable[[], str]) -> tuple[float, int] | None:
    try:
        text = read()
    except httpx.HTTPError as error:
        _log.warning("the backend's memory could not be read: %s", type(error).__name__)
        return None
    started, resident = _STARTED.search(text), _RESIDENT.search(text)
    return (float(started.group(1)), int(float(resident.group(1)))) if started and resident else None


def compared(first: dict[float, int], last: dict[float, int]) -> dict[str, int | None]:
    """Return the mean over the instances seen both times; None when there is no such instance."""
    same = first.keys() & last.keys()
    if not same:
        return {"first_bytes": None, "last_bytes": None}
    return {
        "first_bytes": round(mean(first[instance] for instance in same)),
        "last_bytes": round(mean(last[instance] for instance in same)),
    }
