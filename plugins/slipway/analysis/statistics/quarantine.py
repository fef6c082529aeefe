"""Leaves out the intervals in which stable itself is over the trigger, for a bounded time."""

from __future__ import annotations

import numpy as np

from slipway.analysis.statistics.evalues import Mask, Vector
from slipway.analysis.statistics.trailing_sums import Trailing

_MIN_BAD_EVENTS = 3
_SHORT_SECONDS = 60.0
_LONG_SECONDS = 300.0


class Quarantine:
    """Detects that stable is over the trigger now, and that this has lasted too long.

    Stable is over when at least three of its events in the last minute were bad and their share is over the
    trigger; where a minute has too few events to show three at the trigger, the last five minutes count too.
    The time in quarantine adds up over the phase; past its limit the state is ``frozen`` for good.

    :param trigger: share over which stable counts as broken.
    :param limit: seconds of quarantine in all; 0 means never.
    :param shape: ``()`` for one release, ``(runs,)`` for many.
    """

    def __init__(self, trigger: float, *, limit: float, shape: tuple[int, ...] = ()) -> None:
        self._trigger = trigger
        self._limit = limit
        self._stable = Trailing(2, shape)
        self._last = 0.0
        self.seconds: Vector = np.zeros(shape)
        self.active: Mask = np.zeros(shape, dtype=bool)

    def add(self, bad: Vector, total: Vector, *, at: float) -> None:
        """Take an interval of stable into account.

        :param bad: events of stable over the limit.
        :param total: all events of stable.
        :param at: end of the interval, seconds since the first check.
        """
        self._stable.add(bad, total, at=at)
        if self._limit <= 0:
            return
        bad_now, total_now = self._stable.over(_SHORT_SECONDS)
        bad_before, total_before = self._stable.over(_LONG_SECONDS)
        too_few = total_now * self._trigger < _MIN_BAD_EVENTS
        self.active = (
            self._is_over(bad_now, total_now) | (too_few & self._is_over(bad_before, total_before))
        ) & ~self.frozen
        self.seconds = self.seconds + np.where(self.active, at - self._last, 0.0)
        self._last = at

    @property
    def frozen(self) -> Mask:
        """True where the time in quarantine is used up: a person must decide."""
        return np.asarray((self.seconds > self._limit) & (self._limit > 0))

    def _is_over(self, bad: Vector, total: Vector) -> Mask:
        return np.asarray((bad >= _MIN_BAD_EVENTS) & (bad > self._trigger * total))
