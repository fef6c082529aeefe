"""The test that rolls back: is a share over its null, at every check, whatever bursts there are?

It bets on alternatives against "every interval's share is at most the null" and keeps the e-value. Under the
null the expectation of an e-value never exceeds 1, so by Ville's inequality it reaches ``1 / alpha`` with
probability at most ``alpha``, however often it is checked and whenever it stops (Ville 1939; Robbins 1970).
Each part below only ever makes an e-value of an e-value, hence the bound holds for the whole:

* *Fixed alternatives*, most of whose weight starts with the phase, since a release's own fault is mostly
  there from its first request; the rest starts afresh all along, so that a good past does not hide a later
  one (a mixture; Shin, Ramdas & Rinaldo, "E-detectors", 2022).
* *Rising alternatives*: a share that has risen steadily since the phase began, as a leak's does. Where it
  stands at each block is fixed beforehand. Where the target is far under the
  trigger they have a test of their own instead (:mod:`slipway.analysis.statistics.rising`).
* *Following alternatives*: the share of the last minutes, fixed before the block that it bets on, and no
  bet while that is near the null (predictable plug-in; Waudby-Smith & Ramdas, "Estimating means of bounded
  random variables by betting", 2024). They follow a ramp, and cost less than a fresh start.
* *Stakes*: a block is bet on with a power of its likelihood ratio, fixed before it begins, such that it
  counts as about 150 events at most. By Jensen's inequality a power below 1 of an e-value is one. Errors of
  one moment are never as independent as their number suggests; so gains and losses shrink alike.
* *Limits*: a block's gain is cut. Less than an e-value is one.

The limits are what a burst cannot pass. A unit is a third of ``burst``. The lost units of a spell are its
length times its share over the null. Later than the first ten units of a phase, a spell needs a third of a
lost unit to be enough (twenty units are always enough), and at least three blocks. In the first ten units,
where a chance spell seldom falls, it needs a twelfth (or five units) and two blocks. A block is one unit;
four for alternatives near the null, and as much as went by without events before it, up to four, where a
source answers less often. Where events are scarce, one event is worth more than these limits and counts in
full. A rising alternative needs four blocks of two units at most: a burst late in a good phase finds it far
behind, whatever the limit.
"""

from __future__ import annotations

import math
from types import EllipsisType

import numpy as np
from numpy.typing import ArrayLike

from slipway.analysis.method import CURRENT, Method
from slipway.analysis.statistics.evalues import EValue, Mask, Vector, column, limited_gain, log_sum

#: Multiples of the null share that are bet on, with their weights.
FIXED = ((2.0, 0.2), (6.0, 0.3), (16.0, 0.25), (60.0, 0.15))
#: Share of an outage, with the same.
OUTAGE = (0.95, 0.1)
#: Seconds in which the rising alternatives rise by the null share, with their weights.
RISING = ((250.0, 0.2),)
#: Windows in units of the alternatives that follow the share, with their weights and how many units make a
#: block.
FOLLOWING = ((4, 0.1, 1), (16, 0.1, 4))
#: Weights of the fixed alternatives that start with the phase, and of those that start later.
FROM_START, LATER = 0.46, 0.14

_MOST = 0.9
_EVENTS = 150
_LONGEST_BLOCK = 4
#: An alternative is near the null when it is less than this over it.
_NEAR = 0.04
_PRIOR_EVENTS = 60.0
_LEAST_MULTIPLE = 1.5
_FIRST_UNITS = 10
_NEVER = -1e300


class WorseThan(EValue):
    """Evidence that a share is over ``p0``.

    Works on one release or on many at once, as :mod:`slipway.analysis.statistics.evalues` does.

    :param p0: null share, 0..1: every interval's share is at most this.
    :param log_threshold: natural logarithm of the e-value that rejects.
    :param restart_every: seconds between fresh starts; each alternative waits for its next block.
    :param burst: seconds; a shorter burst, later than in the first minutes, is never enough.
    :param horizon: seconds over which the fresh starts are spread.
    :param method: the analysis that decides.
    :param is_rising_mixed: whether the rising alternatives are among the others; False where a rise has a
        test of its own.
    :param shape: ``()`` for one release, ``(runs,)`` for many.
    """

    def __init__(
        self,
        p0: float,
        *,
        log_threshold: float,
        restart_every: float,
        burst: float,
        horizon: float,
        method: Method = CURRENT,
        is_rising_mixed: bool = True,
        shape: tuple[int, ...] = (),
    ) -> None:
        super().__init__(log_threshold, shape)
        self._rising_blocks = method.rising_blocks
        self._p0, self._unit, self._restart_every = p0, burst / 3, restart_every
        bets = [(p0 * times, weight) for times, weight in FIXED if p0 * times < _MOST]
        bets = [bet for bet in (*bets, OUTAGE) if bet[0] > p0]
        self._fixed = len(bets)
        rising = RISING if is_rising_mixed else ()
        self._rise_in = [seconds for seconds, _ in rising]
        self._rising = slice(self._fixed, self._fixed + len(rising))
        whole = FROM_START + LATER + sum(weight for _, weight, *_ in (*rising, *FOLLOWING))
        fixed = np.array([weight for _, weight in bets])
        moving = np.log([weight / whole for _, weight, *_ in (*rising, *FOLLOWING)])
        fixed = np.log(fixed / fixed.sum())
        self._starts = max(1, math.ceil(horizon / restart_every))
        later = fixed + math.log(LATER / whole)
        self._log_first: Vector = np.concatenate([fixed + math.log(FROM_START / whole), moving])
        never = np.full(len(moving), _NEVER)
        self._log_later: Vector = np.concatenate([later - math.log(self._starts), never])
        self._need_first = log_threshold - self._log_first
        half = math.log(max(1, self._starts / 2))
        self._need_later = log_threshold - np.concatenate([later - half, moving])
        units = [_LONGEST_BLOCK if share - p0 < _NEAR else 1 for share, _ in bets]
        units += [method.rising_units] * len(rising) + [units for *_, units in FOLLOWING]
        self._units: Vector = np.array(units, dtype=np.float64)
        self._memory: Vector = np.exp([-units / window for window, _, units in FOLLOWING])

        size = (*shape, len(self._units))
        self._share: Vector = np.full(size, p0)
        self._share[..., : self._fixed] = [share for share, _ in bets]
        self._hit: Vector = np.log(self._share / p0)
        self._miss: Vector = np.log((1 - self._share) / (1 - p0))
        self._log_mass: Vector = np.full(size, _NEVER)
        self._bad: Vector = np.zeros(size)
        self._total: Vector = np.zeros(size)
        self._recent: Vector = np.zeros((2, *shape, len(FOLLOWING)))
        self._stake: Vector = np.ones(size)
        self._limit: Vector = np.zeros(size)
        self._last_seen: Vector = np.full((*shape, 1), -1.0)
        self._started: Vector = np.zeros(len(self._units))
        self._block = -1
        self._log_left = 0.0
        self._risen: Vector = np.zeros(shape)

    @property
    def is_rising(self) -> Mask:
        """True where the rising alternatives alone would reject."""
        return np.asarray(self._risen >= self.log_threshold)

    def add(self, bad: ArrayLike, total: ArrayLike, *, at: float) -> None:
        """Add an interval.

        :param bad: events over the limit.
        :param total: all events; 0 changes nothing.
        :param at: end of the interval, seconds since the first check; it belongs to the block in which it
            ends.
        """
        block = max(0, math.ceil(at / self._unit) - 1)
        if block > self._block:
            self._open(block)
        self._bad = self._bad + column(bad)
        self._total = self._total + column(total)
        mass = self._log_mass + self._gain()
        self._log_e = np.logaddexp(log_sum(mass), self._log_left)
        if self._rise_in:
            self._risen = np.max((mass - self._log_first)[..., self._rising], axis=-1)

    def _gain(self) -> Vector:
        """Return what the open block adds, natural logarithms: its bet, at its stake, up to its limit."""
        return limited_gain(
            self._bad, self._total, hit=self._hit, miss=self._miss, stake=self._stake, limit=self._limit
        )

    def _open(self, block: int) -> None:
        """Close the blocks of all alternatives that end before this one, and open their next."""
        ended = (block // self._units > self._block // self._units) | (self._block < 0)
        self._log_mass = np.where(ended, self._log_mass + self._gain(), self._log_mass)
        self._follow(ended)
        if self._rise_in:
            self._rise(ended, block)
        was_seen = self._total[..., self._fixed - 1 : self._fixed] > 0
        self._last_seen = np.where(was_seen, float(self._block), self._last_seen)
        length = np.maximum(self._units, np.minimum(np.maximum(block - self._last_seen, 1), _LONGEST_BLOCK))
        stake = np.minimum(1, _EVENTS * length / np.maximum(self._total, 1))
        self._stake = np.where(ended & (self._total > 0), stake, self._stake)
        self._limit = np.where(ended, self._limits(length, is_first=block < _FIRST_UNITS), self._limit)
        self._bad = np.where(ended, 0.0, self._bad)
        self._total = np.where(ended, 0.0, self._total)
        self._block = block
        self._start(ended, block * self._unit)

    def _follow(self, ended: Mask) -> None:
        """Let the following alternatives bet on the share of the blocks that are over."""
        over, mine = ended[-len(FOLLOWING) :], np.s_[..., -len(FOLLOWING) :]
        events = np.stack([self._bad[mine], self._total[mine]])
        self._recent = np.where(over, (self._recent + events) * self._memory, self._recent)
        bad, total = self._recent
        share = (bad + _PRIOR_EVENTS * self._p0) / (total + _PRIOR_EVENTS)
        share = np.where(share < _LEAST_MULTIPLE * self._p0, self._p0, share)
        self._bet_on(mine, np.where(over, share, self._share[mine]))

    def _rise(self, ended: Mask, block: int) -> None:
        """Let the rising alternatives bet on the share that they reach in the middle of their next block."""
        mine = self._rising
        middle = (block + self._units[mine] / 2) * self._unit
        share = self._p0 * middle / self._rise_in
        self._bet_on((..., mine), np.where(ended[mine], share, self._share[..., mine]))

    def _bet_on(self, alternatives: tuple[EllipsisType | slice, ...], share: Vector) -> None:
        # What np.clip does, at a third of its price: this is the innermost line of every check.
        share = np.minimum(np.maximum(share, self._p0), max(self._p0, OUTAGE[0]))
        self._share[alternatives] = share
        self._hit[alternatives] = np.log(share / self._p0)
        self._miss[alternatives] = np.log((1 - share) / (1 - self._p0))

    def _limits(self, length: Vector, *, is_first: bool) -> Vector:
        """Return the most that a block of so many bursts may add, natural logarithms."""
        lost = length * np.maximum(self._share - self._p0, 1e-9)
        if is_first:
            blocks, most, fewest, need = 1 / 12 / lost, np.ceil(5 / length), 2, self._need_first
        else:
            blocks, most, fewest, need = 1 / 3 / lost, np.ceil(20 / length), 3, self._need_later
        blocks = np.minimum(np.maximum(np.ceil(blocks - 1e-9), fewest), np.maximum(most, fewest))
        blocks[..., self._rising] = np.minimum(blocks[..., self._rising], self._rising_blocks)
        return np.asarray(need / blocks)

    def _start(self, ended: Mask, moment: float) -> None:
        """Start the alternatives whose moment has come; all those that started are valid from here on."""
        due = np.minimum(self._starts, moment // self._restart_every) + 1
        first = ended & (self._started == 0)
        fresh = np.where(ended, due - np.maximum(self._started, 1), 0.0)
        if not (first.any() or (fresh > 0).any()):
            return
        self._log_mass = np.where(first, np.logaddexp(self._log_mass, self._log_first), self._log_mass)
        with np.errstate(divide="ignore"):
            weight = self._log_later + np.log(fresh)
        self._log_mass = np.where(fresh > 0, np.logaddexp(self._log_mass, weight), self._log_mass)
        self._started = np.where(ended, due, self._started)
        left = np.exp(self._log_later) * (self._starts + 1 - self._started)
        self._log_left = math.log(max(float(left.sum()), 1e-300))
