"""The test of one share: when it rolls back, when it may be promoted, and why it does neither.

Works on one release or on many at once (see :mod:`slipway.analysis.statistics.evalues`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from slipway.analysis.method import CURRENT, Method, Spells
from slipway.analysis.statistics.chance import is_by_chance
from slipway.analysis.statistics.error_budget import Budget
from slipway.analysis.statistics.evalues import BetterThan, Mask, Vector, WorseThanStable
from slipway.analysis.statistics.late_regression import far_over, has_risen, is_late_regression
from slipway.analysis.statistics.quarantine import Quarantine
from slipway.analysis.statistics.rising import Rising
from slipway.analysis.statistics.trailing_sums import Trailing
from slipway.analysis.statistics.worse_than import WorseThan
from slipway.policy.metrics import DecisionRules, QuantileMetric, ShareMetric

#: A release at a target this many times under its trigger has few bad events until it is proven.
_FEW_BAD_EVENTS = 5


@dataclass(frozen=True)
class Limits:
    """Limits of a share, each 0..1.

    :param target: most that a promotion allows, of the events over the target's limit.
    :param trigger: a rollback's, of the events over the trigger's limit.
    :param null: what a rollback must refute.
    """

    target: float
    trigger: float
    null: float

    @classmethod
    def of(cls, metric: ShareMetric | QuantileMetric, *, null: str) -> Limits:
        """Return the limits of a metric; the 95 % quantile is over x when more than 5 % are slower than x.

        :param metric: of the policy.
        :param null: ``guard`` or ``strict``.
        """
        if isinstance(metric, QuantileMetric):
            target = trigger = 1 - metric.quantile_percent / 100
        else:
            target = metric.bad_percent(metric.target_percent) / 100
            trigger = metric.bad_percent(metric.trigger_percent) / 100
        if null == "strict":
            return cls(target, trigger, trigger)
        if metric.guard_percent is not None:
            guard = metric.guard_percent
            guard = metric.bad_percent(guard) if isinstance(metric, ShareMetric) else guard
            return cls(target, trigger, guard / 100)
        return cls(target, trigger, math.sqrt(target * trigger) if target else trigger)


def better_than_trigger(
    limits: Limits, *, evidence: float, method: Method, shape: tuple[int, ...] = ()
) -> BetterThan:
    """Return the test that a promotion needs.

    :param limits: of the share.
    :param evidence: e-value that a promotion needs.
    :param method: the analysis that decides.
    :param shape: ``()`` for one release, ``(runs,)`` for many.
    """
    few = method.few if limits.target < limits.trigger / _FEW_BAD_EVENTS else 0.0
    return BetterThan(limits.trigger, evidence=evidence, few=few, shape=shape)


class ShareTest:
    """Weighs one share of a phase at every check.

    Rolls back when the test against the null or that of a rise rejects, the share is over the trigger (since
    the start, and far over it in the first ``comparison_seconds``; or late, and that is no spell, see
    :mod:`slipway.analysis.statistics.late_regression`) and the canary is ``relative_to_stable`` times worse
    than stable.
    While stable itself is over the trigger the interval is left out, and only a canary that is proven worse
    than stable rolls back.

    :param limits: of the share.
    :param rules: the policy's rules of a decision.
    :param budget: this metric's false-rollback probabilities in this phase.
    :param horizon: seconds the phase may last.
    :param compare: whether stable is comparable.
    :param method: the analysis that decides.
    :param evidence: e-value that a promotion needs; None for the rules'.
    :param shape: ``()`` for one release, ``(runs,)`` for many.
    """

    def __init__(
        self,
        limits: Limits,
        rules: DecisionRules,
        budget: Budget,
        *,
        horizon: float,
        compare: bool,
        method: Method = CURRENT,
        evidence: float | None = None,
        shape: tuple[int, ...] = (),
    ) -> None:
        self.limits = limits
        self._rules = rules
        self._compare = compare
        self._method = method
        spread = {
            "restart_every": rules.test_restart_seconds,
            "burst": rules.burst_seconds,
            "horizon": horizon,
        }
        null, target = limits.null, limits.target or limits.null
        below = null if rules.rollback_null == "strict" else min(null, math.sqrt(target * null))
        part = method.rising_part if below < null else 0.0
        self.worse, self._over_target = (
            WorseThan(
                share,
                log_threshold=math.log(1 / level),
                method=method,
                is_rising_mixed=not part,
                shape=shape,
                **spread,
            )
            for share, level in ((null, budget.guard * (1 - part)), (target, budget.deadline))
        )
        self.rising = None
        # Where target and trigger are close, far over the trigger is beyond most regressions.
        self._spells = method.spells if part or not method.rising_part else Spells()
        if part:
            level = math.log(1 / (budget.guard * part))
            self.rising = Rising(below, log_threshold=level, burst=rules.burst_seconds, shape=shape)
        self.relative = WorseThanStable(log_threshold=math.log(1 / budget.relative), shape=shape, **spread)
        self._required = evidence or rules.promotion_evidence
        self.better = better_than_trigger(limits, evidence=self._required, method=method, shape=shape)
        limit = rules.quarantine_seconds if rules.quarantine and compare else 0.0
        self.quarantine = Quarantine(limits.trigger, limit=limit, shape=shape)
        self._all = Trailing(4, shape)
        self._counted = Trailing(3, shape)
        self.degraded: Mask = np.zeros(shape, dtype=bool)

    def add(
        self,
        total: ArrayLike,
        over_target: ArrayLike,
        over_trigger: ArrayLike,
        stable_total: ArrayLike,
        stable_over_trigger: ArrayLike,
        *,
        at: float,
    ) -> None:
        """Add an interval.

        :param total: events of the canary.
        :param over_target: those that count against the target.
        :param over_trigger: those that count against the trigger.
        :param stable_total: events of stable.
        :param stable_over_trigger: those that count against the trigger.
        :param at: end of the interval, seconds since the first check.
        """
        n, soft, hard, stable_n, stable_hard = (
            np.asarray(v, dtype=np.float64)
            for v in (total, over_target, over_trigger, stable_total, stable_over_trigger)
        )
        self.quarantine.add(stable_hard, stable_n, at=at)
        counts = np.where(self.quarantine.active, 0.0, 1.0)
        self._all.add(n, hard, stable_n, stable_hard, at=at)
        self._counted.add(n * counts, soft * counts, hard * counts, at=at)
        self.worse.add(hard * counts, n * counts, at=at)
        self._over_target.add(soft * counts, n * counts, at=at)
        if self.rising is not None:
            self.rising.add(hard * counts, n * counts, at=at)
        self.better.add(soft * counts, n * counts)
        if self._compare:
            self.relative.add(hard, n, stable_hard, stable_n, at=at)
        self.degraded = self.degraded | self._over_target.rejects

    @property
    def events(self) -> Vector:
        """Events of the canary, quarantine left out."""
        return np.asarray(self._counted.everything[0])

    @property
    def over_target(self) -> Vector:
        """Events over the target's limit, quarantine left out."""
        return np.asarray(self._counted.everything[1])

    @property
    def over_trigger(self) -> Vector:
        """Events over the trigger's limit, quarantine left out."""
        return np.asarray(self._counted.everything[2])

    @property
    def rolls_back(self) -> Mask:
        """True where the canary is proven bad, alone or against a stable that is bad too."""
        proven = self.worse.rejects if self.rising is None else self.worse.rejects | self.rising.rejects
        if not (proven.any() or self.relative.rejects.any()):
            return np.zeros_like(self.degraded)
        alone = proven & self.is_over_trigger & self.is_worse_than_stable
        is_compared = self.quarantine.active | self.quarantine.frozen
        return np.asarray(np.where(is_compared, self.rolls_back_in_quarantine, alone))

    @property
    def rolls_back_in_quarantine(self) -> Mask:
        """True where the canary is over the trigger and proven worse than stable."""
        return np.asarray(self.relative.rejects & self._is_over_in_late_window & self.is_worse_than_stable)

    @property
    def rolls_back_at_deadline(self) -> Mask:
        """True where an unproven phase ends over the trigger, worse than the target, and than stable.

        Under ``rollback_null: strict`` nothing is rolled back that is not proven over the trigger, so this
        is False.
        """
        if self._rules.rollback_null == "strict":
            return np.zeros_like(self.degraded)
        return self.rolls_back | (self.degraded & self._is_over_in_all & self.is_worse_than_stable)

    @property
    def is_over_trigger(self) -> Mask:
        """True where the share is over the trigger since the start, or in the late window."""
        return np.asarray(self._is_over_in_all | self._is_over_in_late_window)

    @property
    def is_worse_than_stable(self) -> Mask:
        """True where the canary is ``relative_to_stable`` times worse, or stable has no traffic."""
        n, hard, stable_n, stable_hard = self._all.over(self._rules.comparison_seconds)
        if not self._compare:
            return np.ones_like(n, dtype=bool)
        ratio = self._rules.relative_to_stable
        return np.asarray((stable_n == 0) | (hard * stable_n > ratio * stable_hard * n))

    @property
    def is_within_target(self) -> Mask:
        """True where the events over the target's limit are at most the target, give or take chance."""
        return self._is_within_target_of(self.events)

    def _is_within_target_of(self, events: Vector) -> Mask:
        if self._method.chance == "root":
            allowed = self.limits.target * events
            return np.asarray(self.over_target <= allowed + np.sqrt(allowed))
        return is_by_chance(self.over_target, events, share=self.limits.target)

    @property
    def is_proven_better(self) -> Mask:
        """True where "as bad as the trigger" is refuted."""
        return np.asarray(self.better.log_e >= math.log(self._required))

    def is_proven_after(self, more: float) -> Mask:
        """Return True where faultless events would bring what a promotion must prove about the share.

        :param more: how many.
        """
        enough = self.better.log_e_after(more) >= math.log(self._required)
        return np.asarray(enough & self._is_within_target_of(self.events + more))

    @property
    def is_behind_stable(self) -> Mask:
        """True where the canary is proven worse than stable, whatever the trigger says."""
        return np.asarray(self.relative.rejects & self.is_worse_than_stable)

    @property
    def promotes(self) -> Mask:
        """True where everything a promotion needs is there. Without events nothing is proven."""
        stopped = self.degraded | self.quarantine.active | self.quarantine.frozen | self.is_behind_stable
        return self.is_proven_better & self.is_within_target & ~stopped & ~self.rolls_back

    @property
    def _is_over_in_late_window(self) -> Mask:
        risen = self.worse.is_rising if self.rising is None else has_risen(self._counted, 2, self.rising)
        return is_late_regression(
            self._all,
            self._rules,
            self._spells,
            trigger=self.limits.trigger,
            null=self.limits.null,
            risen=risen,
        )

    @property
    def _is_over_in_all(self) -> Mask:
        trigger, spells = self.limits.trigger, self._spells
        if spells and spells.is_far_when_young and self._all.seconds < self._rules.comparison_seconds:
            trigger = far_over(trigger, self._rules, spells)
        return np.asarray(self.over_trigger > trigger * self.events)
