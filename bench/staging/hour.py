"""An hour of the strategy's load, simulated from a sound shortened one."""

from __future__ import annotations

from typing import Any

import numpy as np

from bench.staging.faults import Fault

_MIB = 2**20
_READING_SECONDS = 15.0
_CACHE_MIB, _CACHE_SECONDS = 30.0, 300.0


def hour(measured: dict[str, Any], fault: Fault, seed: int, seconds: float) -> dict[str, Any]:
    """Return the report of an hour.

    :param measured: the report of a shortened load of the sound version.
    :param fault: what is wrong.
    :param seed: of the noise.
    :param seconds: length of the hour.
    """
    random = np.random.default_rng(seed)
    longer = seconds / measured["duration_seconds"]
    checked = round(measured["isolation"]["checked"] * longer)
    generator = measured["generator"]
    return measured | {
        "duration_seconds": seconds,
        "requests": round(measured["requests"] * longer),
        "isolation": {"checked": checked, "breaches": int(random.binomial(checked, fault.breaches))},
        "memory": {"instances": [_memory(measured, fault.leak_mib, random, seconds)]},
        "generator": generator
        | {
            "full_load_seconds": generator["full_load_seconds"] + seconds - measured["duration_seconds"],
            "least_requests_of_a_user": round(generator["least_requests_of_a_user"] * longer),
        },
    }


def _memory(
    measured: dict[str, Any], leak_mib: float, random: np.random.Generator, seconds: float
) -> dict[str, Any]:
    """Return an instance that starts as the measured one, with a cache that fills and memory that comes and
    goes: noise that remembers, and peaks.
    """
    first = measured["memory"]["instances"][0]
    at = np.arange(0.0, seconds, _READING_SECONDS)
    wander = np.zeros(len(at))
    for i in range(1, len(at)):
        wander[i] = 0.8 * wander[i - 1] + random.normal(0, 0.4)
    peaks = np.where(random.random(len(at)) < 0.03, random.uniform(2, 20, len(at)), 0)
    grown = _CACHE_MIB * (1 - np.exp(-at / _CACHE_SECONDS)) + leak_mib * at / 3600
    resident = first["resident_bytes"][0] + _MIB * (grown + wander + peaks)
    return {
        "started_at": first["started_at"],
        "at_seconds": at.tolist(),
        "resident_bytes": (resident // 4096 * 4096).tolist(),
    }
