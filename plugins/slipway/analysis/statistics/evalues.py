"""Anytime-valid tests of a share: the error rate holds however often it is checked, and whenever it stops.

Each test bets on a grid of alternatives against a composite null and keeps the e-value: under the null its
expectation never exceeds 1, so by Ville's inequality it reaches ``1 / alpha`` with probability at most
``alpha`` over the whole release (Ville 1939; Robbins 1970; fresh starts: Shin, Ramdas & Rinaldo,
"E-detectors", 2022).

Every test works on one release or on many at once: ``shape=()`` is one, ``shape=(runs,)`` is that many, with
counts of the same shape. The benchmark so measures the very code that decides.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

Vector = NDArray[np.float64]
Mask = NDArray[np.bool_]

#: Multiples of the null share that a promotion bets on.
BETTER = (0.8, 0.6, 0.4, 0.25, 0.12, 0.05, 0.02)
#: Odds ratios of canary to stable that are bet on.
ODDS = (1.5, 2.0, 3.0, 5.0, 9.0, 16.0, 30.0, 60.0)

_NEVER = -1e300


class EValue:
    """An e-value against a null, with the threshold that rejects it.

    :param log_threshold: natural logarithm of the e-value that rejects.
    :param shape: ``()`` for one release, ``(runs,)`` for many.
    """

    def __init__(self, log_threshold: float, shape: tuple[int, ...]) -> None:
        self.log_threshold = log_threshold
        self._log_e: Vector = np.zeros(shape)

    @property
    def log_e(self) -> Vector:
        """Natural logarithm of the e-value."""
        return self._log_e

    @property
    def rejects(self) -> Mask:
        """True where the null is refuted beyond the stated doubt."""
        return np.asarray(self._log_e >= self.log_threshold)


class FreshStarts(EValue):
    """A mixture over alternatives and over fresh starts, with the gain of any burst limited.

    Half of the prior weight starts at once, the rest at every ``restart_every`` seconds, so that a regression
    which begins late is not hidden by a good past. Time is cut into blocks of ``burst`` seconds, and one
    block adds at most a third of what a rejection needs (or the gain of one bad event): a burst within a
    block, or across the border of two, is never enough. A limited gain is at most the true one, so the
    e-value stays valid; how a block is cut into checks changes nothing.

    :param alternatives: how many alternatives are bet on.
    :param log_threshold: natural logarithm of the e-value that rejects.
    :param restart_every: seconds between fresh starts; they wait for the next block.
    :param burst: seconds of a block.
    :param horizon: seconds over which the fresh starts are spread.
    :param floor: smallest limit per alternative, natural logarithm.
    :param shape: ``()`` for one release, ``(runs,)`` for many.
    """

    def __init__(
        self,
        alternatives: int,
        *,
        log_threshold: float,
        restart_every: float,
        burst: float,
        horizon: float,
        floor: Vector,
        shape: tuple[int, ...] = (),
    ) -> None:
        super().__init__(log_threshold, shape)
        self._cap = np.maximum(log_threshold / 3, floor)
        self._log_mass: Vector = np.full((*shape, alternatives), _NEVER)
        self._gain: Vector = np.zeros((*shape, alternatives))
        self._burst = burst
        self._block = -1
        self._restart_every = restart_every
        self._starts = max(1, math.ceil(horizon / restart_every))
        self._started = 0
        self._weight_left = 1.0

    def bet(self, gain: Vector, *, at: float) -> None:
        """Take the log-likelihood ratios of an interval into account.

        :param gain: natural logarithms, one per alternative in the last axis.
        :param at: end of the interval, seconds since the first check; it belongs to the block in which it
            ends.
        """
        block = max(0, math.ceil(at / self._burst) - 1)
        if block > self._block:
            self._log_mass = self._log_mass + np.minimum(self._gain, self._cap)
            self._gain = np.zeros_like(self._gain)
            self._block = block
            self._start(block * self._burst)
        self._gain = self._gain + gain
        mass = self._log_mass + np.minimum(self._gain, self._cap)
        mean = log_sum(mass) - math.log(mass.shape[-1])
        self._log_e = np.logaddexp(mean, math.log(max(self._weight_left, 1e-300)))

    def _start(self, moment: float) -> None:
        while self._started <= self._starts and moment >= self._started * self._restart_every:
            weight = 0.5 if self._started == 0 else 0.5 / self._starts
            self._weight_left -= weight
            self._log_mass = np.logaddexp(self._log_mass, math.log(weight))
            self._started += 1


class WorseThanStable(FreshStarts):
    """Evidence that the canary's odds of a bad event are over the stable revision's at the same time.

    Given the bad events of both, the canary's are binomial with its part of the traffic (the conditional
    test of two shares; Turner, Ly & Gruenwald, "Generic E-variables", 2024). An outage of both changes
    nothing.
    """

    def __init__(
        self,
        *,
        log_threshold: float,
        restart_every: float,
        burst: float,
        horizon: float,
        shape: tuple[int, ...] = (),
    ) -> None:
        super().__init__(
            len(ODDS),
            log_threshold=log_threshold,
            restart_every=restart_every,
            burst=burst,
            horizon=horizon,
            floor=np.zeros(len(ODDS)),
            shape=shape,
        )
        self._odds: Vector = np.array(ODDS)

    def add(
        self, bad: ArrayLike, total: ArrayLike, stable_bad: ArrayLike, stable_total: ArrayLike, *, at: float
    ) -> None:
        """Add an interval; one in which either revision had no events changes nothing.

        :param bad: events of the canary over the limit.
        :param total: all events of the canary.
        :param stable_bad: events of the stable revision over the limit.
        :param stable_total: all events of the stable revision.
        :param at: seconds since the first check.
        """
        k, n, stable_k, stable_n = (column(v) for v in (bad, total, stable_bad, stable_total))
        both = (n > 0) & (stable_n > 0)
        part = np.where(both, n, 1) / np.where(both, n + stable_n, 2)
        mixed = self._odds * part + (1 - part)
        gain = k * (np.log(self._odds) - np.log(mixed)) - stable_k * np.log(mixed)
        self.bet(np.where(both, gain, 0.0), at=at)


class BetterThan:
    """Evidence that a share is under ``p0``: what a promotion needs. Without events it stays at 1.

    A part of the bet is on few bad events: none of the first ``n``, or one of the first ``m``. Its value is
    the probability under the null that it is still won, over the probability at the start; that is a
    martingale until it is won, and at most that afterwards. The rest is a mixture over :data:`BETTER`. So a
    release of a service with little traffic is proven with as few requests as any test of this level needs.

    :param p0: null share, 0..1.
    :param evidence: e-value that a promotion needs; a bet that is won alone is worth as much.
    :param few: part of the bet that is on few bad events, 0..1.
    :param shape: ``()`` for one release, ``(runs,)`` for many.
    """

    def __init__(self, p0: float, *, evidence: float, few: float, shape: tuple[int, ...] = ()) -> None:
        self._p0, self._few, self._log_miss = p0, few, math.log1p(-p0)
        alternatives = p0 * np.array(BETTER)
        self._hit: Vector = np.log(alternatives / p0)
        self._miss: Vector = np.log((1 - alternatives) / (1 - p0))
        self._bad: Vector = np.zeros(shape)
        self._total: Vector = np.zeros(shape)
        each = few / evidence / 2
        self._none = math.ceil(math.log(each) / self._log_miss) if few else 0
        self._one = 1 + math.ceil(math.log(each / (self._none * p0)) / self._log_miss) if few else 0
        self._at_start = self._won(np.zeros(()), np.zeros(()))
        self._log_e: Vector | None = None

    def add(self, bad: ArrayLike, total: ArrayLike) -> None:
        """Add an interval.

        :param bad: events over the limit.
        :param total: all events.
        """
        self._bad = self._bad + np.asarray(bad, dtype=np.float64)
        self._total = self._total + np.asarray(total, dtype=np.float64)
        self._log_e = None

    @property
    def log_e(self) -> Vector:
        """Natural logarithm of the e-value."""
        if self._log_e is None:
            self._log_e = self.log_e_after(0.0)
        return self._log_e

    def log_e_after(self, more: float) -> Vector:
        """Return the natural logarithm of the e-value after faultless events.

        :param more: how many.
        """
        total = self._total + more
        k, n = column(self._bad), column(total)
        mixture = log_sum(k * self._hit + (n - k) * self._miss) - math.log(len(BETTER))
        if not self._few:
            return mixture
        few = self._won(self._bad, total) - self._at_start
        return np.asarray(np.logaddexp(mixture + math.log(1 - self._few), few + math.log(self._few)))

    def _won(self, bad: Vector, total: Vector) -> Vector:
        """Return the logarithm of the null's probability that the bet on few bad events is won from here."""
        until_none = np.maximum(self._none - total, 0)
        until_one = np.maximum(self._one - total, 0)
        after_one = np.log(np.maximum(until_none * self._p0, 1e-300)) + (until_one - 1) * self._log_miss
        of_none = np.logaddexp(until_none * self._log_miss, np.where(until_none > 0, after_one, _NEVER))
        of_one = until_one * self._log_miss
        return np.asarray(np.where(bad <= 0, of_none, np.where(bad <= 1, of_one, _NEVER)))


def column(counts: ArrayLike) -> Vector:
    """Return counts with a last axis for alternatives."""
    return np.asarray(counts, dtype=np.float64)[..., np.newaxis]


def log_sum(values: Vector) -> Vector:
    """Return the logarithm of the sum of exponentials over the last axis."""
    # A third of the time of np.logaddexp.reduce where there are many releases.
    top = values.max(axis=-1, keepdims=True)
    return np.asarray(top[..., 0] + np.log(np.exp(values - top).sum(axis=-1)))


def limited_gain(
    bad: Vector, total: Vector, *, hit: Vector, miss: Vector, stake: Vector, limit: float | Vector
) -> Vector:
    """Return what a block adds to each bet: at its stake, up to its limit or what one bad event is worth.

    :param bad: bad events of the block.
    :param total: all events of the block.
    :param hit: what a bad event is worth per alternative, natural logarithms like all that follow.
    :param miss: what any other event is worth.
    :param stake: part of the bet that counts, 0..1.
    :param limit: most that a block adds.
    """
    gain = stake * (bad * hit + (total - bad) * miss)
    one_event = hit + (total - 1) * miss
    return np.asarray(np.minimum(gain, np.maximum(limit, one_event)))
