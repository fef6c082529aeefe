"""Whether so many bad events may be chance: what a promotion forgives."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike

from slipway.analysis.statistics.evalues import Mask, Vector

#: Probability of so many events or more, of a release at its target: one standard deviation.
_PROBABILITY = 0.1587
#: Expected events from which on the normal distribution is near enough.
_MANY = 30.0


def is_by_chance(bad: ArrayLike, total: ArrayLike, *, share: float) -> Mask:
    """Return True where a release at a share has so many bad events, or more, with a probability over 16 %.

    Few events are counted out (Poisson), so that a single one is judged by how often it comes; from 30
    expected events on it is one standard deviation.

    :param bad: bad events.
    :param total: all events.
    :param share: the share, 0..1.
    """
    expected = share * np.asarray(total, dtype=np.float64)
    few = np.searchsorted(_means(), expected)
    return np.asarray(np.asarray(bad) <= np.where(expected < _MANY, few, expected + np.sqrt(expected)))


@lru_cache(maxsize=1)
def _means() -> Vector:
    """Return, for 1, 2, 3 ... events, the mean at which so many or more have the probability."""
    most = math.ceil(_MANY + 2 * math.sqrt(_MANY))
    return np.array([_mean_of(events) for events in range(1, most)])


def _mean_of(events: int) -> float:
    low, high = 0.0, 2.0 * events
    for _ in range(50):
        mean = (low + high) / 2
        fewer = sum(math.exp(-mean + k * math.log(mean) - math.lgamma(k + 1)) for k in range(events))
        low, high = (mean, high) if 1 - fewer < _PROBABILITY else (low, mean)
    return high
