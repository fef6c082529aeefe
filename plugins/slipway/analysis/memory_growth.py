"""Does memory leak? The trend of an instance's resident memory, its bound, and a filling cache's curve."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import NormalDist

import numpy as np
from scipy.stats import f

#: Neighbouring readings say nearly the same: the trend's bound counts stretches of them.
_STRETCHES = 32
_FEWEST = 8
#: Of the series, the longest time constant of a cache that is told from a leak; how many are tried.
_LONGEST_CACHE = 0.4
_CONSTANTS = 16
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

    A leak goes on: it shows in the second half of the load. A cache that fills rises ever more slowly, which
    the curve of the whole series shows.

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
        if low <= limit:
            return MemoryTrend(Growth.NONE if high <= limit else Growth.UNKNOWN, slope, low, high)
    return MemoryTrend(_curve(moments, levels, limit, confidence), slope, low, high)


def _curve(at: np.ndarray, levels: np.ndarray, limit: float, confidence: float) -> Growth:
    """Tell a leak from a cache that fills, by the curve: a straight part, and one that ends.

    A leak: its straight part is proven over the limit, whatever cache fills beside it. A cache: the series is
    explained without a straight part. Least squares over every time constant up to ``_LONGEST_CACHE`` of the
    series: one that fills more slowly cannot be told from a leak.
    """
    moments, medians = _stretches(at, levels)
    moments -= moments[0]
    most = limit / _MIB_PER_HOUR * moments
    level = np.ones_like(moments)
    best, straight = _fit(medians, level, moments)
    at_limit, cache_alone = _fit(medians - most, level)[0], np.inf
    for constant in np.geomspace(moments[-1] / _STRETCHES, moments[-1] * _LONGEST_CACHE, _CONSTANTS):
        filling = 1 - np.exp(-moments / constant)
        error, parts = _fit(medians, level, filling, moments)
        if error < best and parts[1] > 0:
            best, straight = error, parts
        error, parts = _fit(medians - most, level, filling)
        if parts[1] > 0:
            at_limit = min(at_limit, error)
        cache_alone = min(cache_alone, _fit(medians, level, filling)[0])
    freedom = len(moments) - 4
    scale = max(best, np.finfo(float).tiny) / freedom
    over = straight[-1] * _MIB_PER_HOUR > limit
    if over and (at_limit - best) / scale > f.ppf(2 * confidence - 1, 1, freedom):
        return Growth.LEAK
    explained = (cache_alone - best) / scale <= f.ppf(confidence, 1, freedom)
    return Growth.FILLING if explained and not over else Growth.UNKNOWN


def _fit(levels: np.ndarray, *terms: np.ndarray) -> tuple[float, np.ndarray]:
    """Return the sum of squared errors of a least squares fit, and each term's factor."""
    design = np.column_stack(terms)
    factors = np.linalg.lstsq(design, levels, rcond=None)[0]
    return float(((levels - design @ factors) ** 2).sum()), factors


def _stretches(at: np.ndarray, levels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the moments and median levels of stretches of a series."""
    count = min(_STRETCHES, max(_FEWEST, len(at) // 2))
    parts = [part for part in np.array_split(np.arange(len(at)), count) if len(part)]
    return np.array([at[part].mean() for part in parts]), np.array(
        [np.median(levels[part]) for part in parts]
    )


def _sen(at: np.ndarray, levels: np.ndarray, confidence: float) -> tuple[float, float, float]:
    """Return the Theil-Sen slope with its interval (Sen 1968), in MiB an hour, of stretches' medians."""
    moments, medians = _stretches(at, levels)
    early, late = np.triu_indices(len(moments), 1)
    slopes = np.sort((medians[late] - medians[early]) / (moments[late] - moments[early])) * _MIB_PER_HOUR
    n, pairs = len(moments), len(slopes)
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    reach = z * math.sqrt(n * (n - 1) * (2 * n + 5) / 18)
    lowest = max(0, math.floor((pairs - reach) / 2))
    highest = min(pairs - 1, math.ceil((pairs + reach) / 2))
    return float(np.median(slopes)), float(slopes[lowest]), float(slopes[highest])
