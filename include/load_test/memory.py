"""The backend's resident memory, read from its own metrics through the load balancer."""

from __future__ import annotations

import re
from collections.abc import Callable
from statistics import mean

SAMPLES = 12

_RESIDENT = re.compile(r"^process_resident_memory_bytes(?:\{[^}]*\})? (\S+)$", re.MULTILINE)
_STARTED = re.compile(r"^process_start_time_seconds(?:\{[^}]*\})? (\S+)$", re.MULTILINE)


def sample(read: Callable[[], str]) -> dict[float, int]:
    """Return resident bytes by the start time of the process that answered.

    Each read may reach another instance; an instance is known by the time it started.

    :param read: fetches the backend's ``/metrics``.
    """
    seen: dict[float, int] = {}
    for _ in range(SAMPLES):
        text = read()
        started, resident = _STARTED.search(text), _RESIDENT.search(text)
        if started and resident:
            seen[float(started.group(1))] = int(float(resident.group(1)))
    return seen


def compared(first: dict[float, int], last: dict[float, int]) -> dict[str, int | None]:
    """Return the mean over the instances seen both times; None when there is no such instance."""
    same = first.keys() & last.keys()
    if not same:
        return {"first_bytes": None, "last_bytes": None}
    return {
        "first_bytes": round(mean(first[instance] for instance in same)),
        "last_bytes": round(mean(last[instance] for instance in same)),
    }
