"""Anytime-valid tests of a share: the error rate holds however often one looks, and whenever one stops.

Both tests bet on a grid of alternatives against a null ``p <= p0`` (or ``p >= p0``) and keep the e-value:
under the null its expectation never exceeds 1, so by Ville's inequality it reaches ``1 / alpha`` with
probability at most ``alpha`` over the whole release (Ville 1939; Robbins 1970; Shin, Ramdas
& Rinaldo, "E-detectors", 2022).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]

_WORSE = (1.5, 3.0, 7.0, 20.0, 50.0)
_BETTER = (0.8, 0.6, 0.4, 0.25, 0.12, 0.05, 0.02)
_ALMOST_ALWAYS = 0.95
_WORST = 0.9


class WorseThan:
    """Evidence that a share is over ``p0``: a mixture over alternatives and over fresh starts.

    Half of the prior weight starts at once, the rest at every ``restart_every`` seconds, so that a regression
    which begins late is not hidden by a good past. One interval adds at most a third of what a rejection
    needs: a single burst is never enough.

    :param p0: null share, 0..1.
    :param log_threshold: natural logarithm of the e-value that rejects.
    :param restart_every: seconds between fresh starts.
    :param horizon: seconds over which the fresh starts are spread.
    """

    def __init__(self, p0: float, *, log_threshold: float, restart_every: float, horizon: float) -> None:
        grid = [p0 * factor for factor in _WORSE if p0 * factor < _WORST] + [_ALMOST_ALWAYS]
        self._alternatives: Vector = np.array([p for p in grid if p > p0])
        self._p0 = p0
        self.log_threshold = log_threshold
        self._cap = np.maximum(log_threshold / 3, np.log(self._alternatives / p0))
        self._log_mass = np.full(len(self._alternatives), -np.inf)
        self._restart_every = restart_every
        self._starts = max(1, math.ceil(horizon / restart_every))
        self._started = 0
        self._weight_left = 1.0

    def add(self, bad: float, total: float, *, at: float) -> None:
        """Take an interval into account.

        :param bad: events over the limit.
        :param total: all events.
        :param at: seconds since the first look.
        """
        self._start(at)
        gain = bad * np.log(self._alternatives / self._p0) + (total - bad) * np.log(
            (1 - self._alternatives) / (1 - self._p0)
        )
        self._log_mass = self._log_mass + np.minimum(gain, self._cap)

    def _start(self, at: float) -> None:
        while self._started <= self._starts and at >= self._started * self._restart_every:
            weight = 0.5 if self._started == 0 else 0.5 / self._starts
            self._weight_left -= weight
            self._log_mass = np.logaddexp(self._log_mass, math.log(weight))
            self._started += 1

    @property
    def log_e(self) -> float:
        """Natural logarithm of the e-value."""
        if not self._started:
            return 0.0
        mean = np.logaddexp.reduce(self._log_mass) - math.log(len(self._log_mass))
        return float(np.logaddexp(mean, math.log(max(self._weight_left, 1e-300))))

    @property
    def rejects(self) -> bool:
        """True when the share is over ``p0`` beyond the stated doubt."""
        return self.log_e >= self.log_threshold


class BetterThan:
    """Evidence that a share is under ``p0``: what a promotion needs. Without events it stays at 1.

    :param p0: null share, 0..1.
    """

    def __init__(self, p0: float) -> None:
        self._alternatives: Vector = p0 * np.array(_BETTER)
        self._p0 = p0
        self._log_mass = np.zeros(len(self._alternatives))

    def add(self, bad: float, total: float) -> None:
        """Take an interval into account.

        :param bad: events over the limit.
        :param total: all events.
        """
        self._log_mass = (
            self._log_mass
            + bad * np.log(self._alternatives / self._p0)
            + (total - bad) * np.log((1 - self._alternatives) / (1 - self._p0))
        )

    @property
    def log_e(self) -> float:
        """Natural logarithm of the e-value."""
        return float(np.logaddexp.reduce(self._log_mass) - math.log(len(self._log_mass)))
