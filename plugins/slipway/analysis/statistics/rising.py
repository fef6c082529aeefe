"""The test of a share that rises all along, as a leak's does: it refutes less, and sooner.

A rise is far over its trigger before the test against the guard has events enough. Its own test bets that the
share has risen steadily since the phase began, against a null that lies between the target and the guard;
where target and trigger are close, that null is the guard. A block is bet on with the share that the rise
reaches in its middle, which is fixed beforehand, so the e-value is one for every share up to its null
(:mod:`slipway.analysis.statistics.worse_than` has the argument, and what stakes and limits are for).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from slipway.analysis.statistics.evalues import EValue, Vector, column, limited_gain, log_sum

#: Seconds in which an alternative rises by 1 %; they share the stake.
_PERCENT_IN = (900.0, 450.0)
_BLOCK_UNITS = 2
_EVENTS = 150 * _BLOCK_UNITS
_BLOCKS = 4
_MOST = 0.95


class Rising(EValue):
    """Evidence that a share has risen over ``p0``.

    Works on one release or on many at once, as :mod:`slipway.analysis.statistics.evalues` does.

    :param p0: null share, 0..1: every interval's share is at most this.
    :param log_threshold: natural logarithm of the e-value that rejects.
    :param burst: seconds of a burst; a block is two thirds of it, and four blocks are needed.
    :param shape: ``()`` for one release, ``(runs,)`` for many.
    """

    def __init__(self, p0: float, *, log_threshold: float, burst: float, shape: tuple[int, ...] = ()) -> None:
        super().__init__(log_threshold, shape)
        self._p0, self._seconds = p0, _BLOCK_UNITS * burst / 3
        self._limit = log_threshold / _BLOCKS
        self._log_mass: Vector = np.full((*shape, len(_PERCENT_IN)), -math.log(len(_PERCENT_IN)))
        self._bad: Vector = np.zeros((*shape, 1))
        self._total: Vector = np.zeros((*shape, 1))
        self._block = -1

    def add(self, bad: ArrayLike, total: ArrayLike, *, at: float) -> None:
        """Add an interval.

        :param bad: events over the limit.
        :param total: all events; 0 changes nothing.
        :param at: end of the interval, seconds since the first check; it belongs to the block in which it
            ends.
        """
        block = max(0, math.ceil(at / self._seconds) - 1)
        if block > self._block:
            self._open(block)
        self._bad = self._bad + column(bad)
        self._total = self._total + column(total)
        self._log_e = log_sum(self._log_mass + self._gain())

    def _open(self, block: int) -> None:
        """Close the block that ends before this one, and fix what this one is bet on."""
        if self._block >= 0:
            self._log_mass = self._log_mass + self._gain()
        middle = (block + 0.5) * self._seconds
        share = [min(max(middle / seconds / 100, self._p0), max(self._p0, _MOST)) for seconds in _PERCENT_IN]
        self._hit: Vector = np.log(np.divide(share, self._p0))
        self._miss: Vector = np.log1p(np.negative(share)) - math.log1p(-self._p0)
        # A stake is fixed before its block: by the events of the block before it.
        self._stake: Vector = np.minimum(1, _EVENTS / np.maximum(self._total, 1))
        self._bad, self._total = np.zeros_like(self._bad), np.zeros_like(self._total)
        self._block = block

    def _gain(self) -> Vector:
        """Return what the open block adds, natural logarithms: its bet, at its stake, up to its limit."""
        return limited_gain(
            self._bad, self._total, hit=self._hit, miss=self._miss, stake=self._stake, limit=self._limit
        )
