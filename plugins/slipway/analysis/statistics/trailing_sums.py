"""Sums over the last seconds of a phase."""

from __future__ import annotations

from array import array
from bisect import bisect_right

import numpy as np

from slipway.analysis.statistics.evalues import Vector

#: Intervals that there is room for at the beginning.
_BLOCK = 16


class Trailing:
    """Keeps running sums, so that any trailing window is one subtraction.

    :param columns: how many quantities are summed.
    :param shape: ``()`` for one release, ``(runs,)`` for many.
    """

    def __init__(self, columns: int, shape: tuple[int, ...] = ()) -> None:
        self._at = array("d", [float("-inf")])
        # One block, which grows: an array of its own for each check takes five times the memory.
        self._sums = np.zeros((_BLOCK, columns, *shape))

    def add(self, *values: Vector, at: float) -> None:
        """Add one interval: one of the ``values`` per column.

        :param at: end of the interval, seconds since the first check; never before the last one.
        :raises ValueError: when time runs backwards.
        """
        if at < self._at[-1]:
            raise ValueError(
                f"check at {at:g} s comes after the one at {self._at[-1]:g} s; checks must go forward in time"
            )
        number = len(self._at)
        if number == len(self._sums):
            self._sums = np.concatenate((self._sums, np.zeros_like(self._sums)))
        for column, value in enumerate(values):
            self._sums[number, column] = self._sums[number - 1, column] + value
        self._at.append(at)

    def over(self, seconds: float) -> Vector:
        """Return the sums of the intervals that ended within the last seconds.

        :param seconds: length of the window up to the last interval.
        """
        first = bisect_right(self._at, self._at[-1] - seconds) - 1
        before: Vector = self._sums[max(first, 0)]
        return self.everything - before

    @property
    def everything(self) -> Vector:
        """Sums since the first check."""
        sums: Vector = self._sums[len(self._at) - 1]
        return sums

    @property
    def seconds(self) -> float:
        """Seconds since the first check."""
        return max(self._at[-1], 0.0)
