"""Whether the new revision gets its declared share of the requests.

A request that the platform turns away may be in no count of the new revision: it shows in its share alone.
"""

from __future__ import annotations

import math

import numpy as np

from slipway.analysis.counts import Counts
from slipway.analysis.metric_counts import MOST_CARRIED
from slipway.analysis.statistics.evalues import FreshStarts, Vector
from slipway.analysis.statistics.trailing_sums import Trailing
from slipway.analysis.verdict import Cause, Finding, Verdict
from slipway.policy.metrics import DecisionRules
from slipway.policy.traffic import TrafficShare

KEY = "traffic_share"

#: Odds ratios to the smallest share allowed that are bet on; the first is a revision that gets nothing.
_LESS = (0.001, 0.25, 0.5, 0.7, 0.85, 0.92)
#: Intervals for which a revision's requests wait: as long as counts are carried over.
_MOST_WAITED = MOST_CARRIED - 1


class LessThan(FreshStarts):
    """Evidence that a share is under ``p0``, now or since the start.

    :param p0: null share, 0..1: every interval's share is at least this.
    :param log_threshold: natural logarithm of the e-value that rejects.
    :param restart_every: seconds between fresh starts; they wait for the next block.
    :param burst: seconds of a block.
    :param horizon: seconds over which the fresh starts are spread.
    """

    def __init__(
        self, p0: float, *, log_threshold: float, restart_every: float, burst: float, horizon: float
    ) -> None:
        odds = p0 / (1 - p0) * np.array(_LESS)
        alternatives = odds / (1 + odds)
        self._hit: Vector = np.log(alternatives / p0)
        self._miss: Vector = np.log((1 - alternatives) / (1 - p0))
        super().__init__(
            len(_LESS),
            log_threshold=log_threshold,
            restart_every=restart_every,
            burst=burst,
            horizon=horizon,
            floor=np.zeros(len(_LESS)),
        )

    def add(self, counted: float, total: float, *, at: float) -> None:
        """Add an interval.

        :param counted: events that belong to the share.
        :param total: all events; 0 changes nothing.
        :param at: seconds since the first check.
        """
        self.bet(counted * self._hit + (total - counted) * self._miss, at=at)


def smallest_share(declared: float, lost: float) -> float:
    """Return the share of all requests that a revision is seen with which loses a part of its own.

    Where the revision has all the traffic a loss changes no share: there it bounds what others may still get.

    :param declared: its share of the requests, 0..1.
    :param lost: part of its requests that are turned away and not counted, 0..1.
    """
    return min(declared * (1 - lost) / (1 - declared * lost), 1 - lost)


class SameTime:
    """Requests of both revisions in the same time: those of one wait for those of the other.

    A collector that is behind with one revision makes the other's share of an interval too large, and that of
    a later one too small. A test that limits what one interval adds does not take these for each other.
    """

    def __init__(self) -> None:
        self._canary = self._stable = 0.0
        self._waited = 0
        self._is_odd = self._is_dropped = False

    def add(self, canary: Counts, stable: Counts) -> tuple[float, float] | None:
        """Add an interval.

        :param canary: the new revision's requests.
        :param stable: the stable revision's requests.
        :return: the requests of both that are ready; None while one waits.
        """
        odd = any(arm.odd or arm.unanswered for arm in (canary, stable))
        are_both = canary.total > 0 and stable.total > 0 and not odd
        self._is_odd |= odd
        self._canary += canary.total
        self._stable += stable.total
        self._waited += 1
        if not are_both and self._waited <= _MOST_WAITED:
            return None
        found = (self._canary, self._stable)
        # Odd counters tell nothing, and the next interval may bring requests of their time.
        is_lost = self._is_dropped or (self._is_odd and not are_both)
        self._canary = self._stable = 0.0
        self._is_odd, self._is_dropped = False, is_lost and odd
        # A revision that really gets nothing is not waited for again.
        self._waited = 0 if are_both else _MOST_WAITED
        return None if is_lost else found


class TrafficShareJudge:
    """Holds a phase whose new revision demonstrably gets less than its declared share of the requests.

    The split of the traffic is drawn per request, so that the new revision's number is binomial, and a loss
    of a few percent shows in some thousand of them. An anytime-valid test, like those of the metrics: a phase
    whose share is within the tolerance is held with at most the policy's probability, however often it is
    checked.

    :param rule: the policy's.
    :param decision: the policy's rules of a decision.
    :param declared_percent: the phase's share of the traffic, 1..100.
    :param horizon: seconds the phase may last.
    :param requests_wait: whether the requests of one revision wait for those of the other.
    """

    def __init__(
        self,
        rule: TrafficShare,
        decision: DecisionRules,
        *,
        declared_percent: float,
        horizon: float,
        requests_wait: bool = True,
    ) -> None:
        self._declared = declared_percent
        self._test = LessThan(
            smallest_share(declared_percent / 100, rule.tolerance_percent / 100),
            log_threshold=math.log(1 / rule.false_hold_probability),
            restart_every=decision.test_restart_seconds,
            burst=decision.burst_seconds,
            horizon=horizon,
        )
        self._same_time = SameTime() if requests_wait else None
        self._requests = Trailing(2)
        self._window = decision.late_window_seconds

    def add(self, canary: Counts, stable: Counts, *, at: float, is_evidence: bool = True) -> None:
        """Add an interval: the requests of both revisions.

        :param canary: the new revision's.
        :param stable: the stable revision's.
        :param at: seconds since the first check.
        :param is_evidence: False where one of them is odd, or was not answered.
        """
        counted = (canary.total, stable.total) if is_evidence else (0.0, 0.0)
        self._requests.add(np.asarray(counted[0]), np.asarray(sum(counted)), at=at)
        ready = self._same_time.add(canary, stable) if self._same_time else counted
        if ready:
            self._test.add(ready[0], sum(ready), at=at)

    def finding(self) -> Finding:
        """Judge the requests so far."""
        canary, total = (float(value) for value in self._requests.everything)
        if total <= 0:
            words = "Traffic share: no evidence: no requests at either revision"
            return Finding(KEY, Verdict.HOLD, words, None, 0, Cause.NO_EVIDENCE)
        verdict, cause, words = Verdict.PROMOTE, Cause.WITHIN_TARGET, ""
        if self._test.rejects:
            verdict, cause, words = Verdict.HOLD, Cause.TOO_LITTLE_TRAFFIC, " too small"
            # A loss of traffic may be recent: the numbers are those of the last minutes.
            recent = tuple(float(value) for value in self._requests.over(self._window))
            canary, total = recent if recent[1] > 0 else (canary, total)
        percent = 100 * canary / total
        return Finding(
            KEY,
            verdict,
            f"Traffic share{words}: {percent:.1f} % of {total:.0f} requests "
            f"({canary:.0f} at the new revision, {self._declared:g} % declared)",
            percent,
            total,
            cause,
            {"less": float(self._test.log_e)},
        )
