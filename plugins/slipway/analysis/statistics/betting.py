"""Anytime-valid tests of a bounded mean: is the saving over, or under, a bound?"""

from __future__ import annotations

import math

import numpy as np

from slipway.analysis.statistics.evalues import Vector

#: Bets as parts of the largest one allowed, and how the starting capital is shared over them.
_PORTIONS = (0.9, 0.5, 0.2)
_CAPITAL = (0.5, 0.3, 0.2)


class MeanOver:
    """Evidence that the mean of observations in [0, 1] is over a bound: the capital of a bettor.

    Under "the mean of each observation, given the past, is at most the bound" the capital
    ``prod(1 + bet * (x - bound))`` is a nonnegative supermartingale for every bet in [0, 1 / bound]
    (Waudby-Smith & Ramdas, "Estimating means of bounded random variables by betting", 2024). Three fixed bets
    share the starting capital.

    :param bound: 0..1, both excluded.
    """

    def __init__(self, bound: float) -> None:
        self._bound = bound
        self._bets: Vector = np.array(_PORTIONS) / bound
        self._log_capital: Vector = np.log(_CAPITAL)

    def add(self, observation: float) -> None:
        """Add an observation.

        :param observation: clipped to 0..1 by the caller.
        """
        self._log_capital = self._log_capital + np.log1p(self._bets * (observation - self._bound))

    @property
    def log_e(self) -> float:
        """Natural logarithm of the e-value."""
        return float(np.logaddexp.reduce(self._log_capital))


class MeanWithin:
    """Evidence that a mean lies within two bounds; each side is refuted on its own.

    One interval is one observation: its saving as a part of its cost. Single operations are not needed, and
    what depends on what inside an interval does not matter, but the mean is over intervals, not over
    operations, and the spread between operations is not seen. A bound at or beyond 0 or 1 needs no proof.

    :param minimum: lower bound, as a part of 1.
    :param maximum: upper bound, as a part of 1.
    """

    def __init__(self, minimum: float, maximum: float) -> None:
        self._over = MeanOver(minimum) if minimum > 0 else None
        self._under = MeanOver(1 - maximum) if maximum < 1 else None

    def add(self, observation: float) -> None:
        """Add an observation.

        :param observation: 0..1; what lies outside counts as the nearest end.
        """
        inside = min(1.0, max(0.0, observation))
        if self._over is not None:
            self._over.add(inside)
        if self._under is not None:
            self._under.add(1 - inside)

    @property
    def log_e(self) -> float:
        """Natural logarithm of the weaker of the two e-values."""
        sides = [side.log_e for side in (self._over, self._under) if side is not None]
        return min(sides, default=math.inf)
