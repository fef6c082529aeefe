"""Does memory leak? The trend of an instance's resident memory, its bound, and a filling cache's curve."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import NormalDist

import numpy as np

#: Neighbouring readings say nearly the same: the trend's bound counts stretches of them.
_STRETCHES = 32
_FEWEST = 8
_MIB_PER_HOUR = 3600 / 2**20


class Growth(StrEnum):
    """What a series of memory readings shows; the later, the worse."""

    NONE = "no leak"
    FILLING = "a cache fills: the growth falls"
    UNKNOWN = "inconclusive, the interval is too wide"
    LEAK = "a leak"


@dataclass(frozen=True)
class MemoryTrend:
    """How an instance's memory grows once it is warm, in MiB an hour.

    :param growth: the judgement.
    :param slope: Theil-Sen slope of the second half; None with too few readings.
    :param low: lower end of its confidence interval.
    :param high: upper end.
    """

    growth: Growth
    slope: float | None = None
    low: float = -math.inf
    high: float = math.inf


def memory_trend(
    at: Sequence[float],
    resident: Sequence[float],
    *,
    warm_up_seconds: float,
    limit: float,
    confidence: float,
    fewest_readings: int,
) -> MemoryTrend:
    """Judge one instance's memory.

    A leak goes on: it shows in the second half of the load. A cache that fills rises ever more slowly: from
    half to half, and again within the second one, its growth falls so fast that it ends below the limit.

    :param at: moments in s since the load began, rising.
    :param resident: resident bytes at each.
    :param warm_up_seconds: left out at the begin, in s.
    :param limit: growth allowed, in MiB an hour.
    :param confidence: of the interval, 0..1, two-sided.
    :param fewest_readings: fewer of them after the warm-up show nothing.
    """
    moments, levels = np.asarray(at, dtype=np.float64), np.asarray(resident, dtype=np.float64)
    warm = moments >= warm_up_seconds
    moments, levels = moments[warm], levels[warm]
    if len(moments) < max(fewest_readings, 4 * _FEWEST):
        return MemoryTrend(Growth.UNKNOWN)
    late = moments >= (moments[0] + moments[-1]) / 2
    slope, low, high = _sen(moments[late], levels[late], confidence)
    if high <= limit:
        return MemoryTrend(Growth.NONE, slope, low, high)
    if low <= limit:
        # What a wide interval of noise leaves open, the whole series may decide.
        slope, low, high = _sen(moments, levels, confidence)
        growth = Growth.NONE if high <= limit else Growth.UNKNOWN if low <= limit else Growth.LEAK
        return MemoryTrend(growth, slope, low, high)
    # A leak must not pass for a cache because of its noise.
    strict = 1 - (1 - confidence) / 10
    fills = _falls(moments, levels, limit, strict) and _falls(moments[late], levels[late], limit, 0.0)
    return MemoryTrend(Growth.FILLING if fills else Growth.LEAK, slope, low, high)


def _falls(at: np.ndarray, levels: np.ndarray, limit: float, confidence: float) -> bool:
    """Tell whether growth falls from one half to the next so fast that it ends below the limit."""
    middle = (at[0] + at[-1]) / 2
    first, first_low, _ = _sen(at[at < middle], levels[at < middle], confidence)
    second, _, second_high = _sen(at[at >= middle], levels[at >= middle], confidence)
    return second_high < first_low and second * max(second, 0) / first <= limit


def _sen(at: np.ndarray, levels: np.ndarray, confidence: float) -> tuple[float, float, float]:
    """Return the Theil-Sen slope with its interval (Sen 1968), in MiB an hour, of stretches' medians."""
    count = min(_STRETCHES, max(_FEWEST, len(at) // 2))
    parts = [part for part in np.array_split(np.arange(len(at)), count) if len(part)]
    moments = np.array([at[part].mean() for part in parts])
    medians = np.array([np.median(levels[part]) for part in parts])
    early, late = np.triu_indices(len(parts), 1)
    slopes = np.sort((medians[late] - medians[early]) / (moments[late] - moments[early])) * _MIB_PER_HOUR
    n, pairs = len(parts), len(slopes)
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    reach = z * math.sqrt(n * (n - 1) * (2 * n + 5) / 18)
    lowest = max(0, math.floor((pairs - reach) / 2))
    highest = min(pairs - 1, math.ceil((pairs + reach) / 2))
    return float(np.median(slopes)), float(slopes[lowest]), float(slopes[highest])
