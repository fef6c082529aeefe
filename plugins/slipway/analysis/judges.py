"""One judge per kind of metric: takes intervals, gives a finding."""

from __future__ import annotations

import math
from collections import deque
from typing import Protocol

from slipway.analysis.evidence import Counts
from slipway.analysis.sequential import BetterThan, WorseThan
from slipway.analysis.verdict import Finding, Verdict
from slipway.policy import BandMetric, Decision, Metric, QuantileMetric, ShareMetric, ZeroMetric

_COMPARISON_SECONDS = 600.0


class Judge(Protocol):
    """Judges one metric of one phase."""

    def add(self, canary: Counts, stable: Counts, *, at: float) -> None:
        """Take an interval into account; ``at`` is in seconds since the first look."""

    def finding(self) -> Finding:
        """Say what the evidence so far means."""


class ShareJudge:
    """Judges bad events, or slow requests, as a share of all events.

    Rolls back when all three hold: the e-value against the guard (the geometric mean of target and trigger)
    rejects; the observed share is over the trigger; and the canary is ``relative_to_stable`` times worse than
    the stable revision at the same time, where that has traffic. Promotes when the e-value against "as bad as
    the trigger" is large enough and the observed share is within the target, allowing for one standard
    deviation of chance. Everything else, nothing at all included, is a hold.

    :param alpha: probability of rejecting although the share is at most the guard.
    :param horizon: seconds the phase may last.
    """

    def __init__(
        self,
        key: str,
        metric: ShareMetric | QuantileMetric,
        decision: Decision,
        *,
        alpha: float,
        horizon: float,
    ) -> None:
        self._key = key
        self._metric = metric
        self._decision = decision
        self._target, self._trigger = _limits(metric)
        guard = math.sqrt(self._target * self._trigger) if self._target else self._trigger
        self._worse = WorseThan(
            guard,
            log_threshold=math.log(1 / alpha),
            restart_every=decision.metric_restart_seconds,
            horizon=horizon,
        )
        self._better = BetterThan(self._trigger)
        self._canary = Counts()
        self._recent: deque[tuple[float, Counts, Counts]] = deque()

    def add(self, canary: Counts, stable: Counts, *, at: float) -> None:
        """Take an interval into account; counts that contradict each other are left out."""
        if not canary.is_possible:
            return
        self._canary = self._canary + canary
        self._worse.add(canary.over_trigger, canary.total, at=at)
        self._better.add(canary.over_target, canary.total)
        self._recent.append((at, canary, stable))
        while self._recent[0][0] < at - _COMPARISON_SECONDS:
            self._recent.popleft()

    def finding(self) -> Finding:
        """Say what the evidence so far means."""
        counts = self._canary
        if counts.total == 0:
            return Finding(self._key, Verdict.HOLD, f"{self._metric.title}: no evidence, no events", None, 0)
        share = counts.over_trigger / counts.total
        within = counts.over_target / counts.total
        if self._worse.rejects and share > self._trigger and self._is_worse_than_stable():
            return self._finding(Verdict.ROLLBACK, "over the trigger", share)
        allowed = self._target * counts.total + math.sqrt(self._target * counts.total)
        if self._better.log_e < math.log(self._decision.promotion_evidence):
            return self._finding(Verdict.HOLD, "not yet enough evidence", within)
        if counts.over_target > allowed:
            return self._finding(Verdict.HOLD, "over the target", within)
        return self._finding(Verdict.PROMOTE, "within the target", within)

    def _is_worse_than_stable(self) -> bool:
        if not self._metric.compare_with_stable:
            return True
        canary = sum((c for _, c, _ in self._recent), Counts())
        stable = sum((s for _, _, s in self._recent), Counts())
        if stable.total == 0:
            return True
        ratio = self._decision.relative_to_stable
        return canary.over_trigger * stable.total > ratio * stable.over_trigger * canary.total

    def _finding(self, verdict: Verdict, words: str, share: float) -> Finding:
        return Finding(
            self._key,
            verdict,
            f"{self._metric.title} {words}: "
            f"{share:.2%} of {self._canary.total:.0f} {_describe(self._metric)}",
            100 * share,
            self._canary.total,
        )


class BandJudge:
    """Judges ``100 * (1 - part / whole)`` against a band; outside it, or without events, it holds.

    ``Counts.total`` carries the whole and ``Counts.over_target`` the part.
    """

    def __init__(self, key: str, metric: BandMetric) -> None:
        self._key = key
        self._metric = metric
        self._counts = Counts()

    def add(self, canary: Counts, stable: Counts, *, at: float) -> None:
        """Take an interval into account."""
        self._counts = self._counts + canary

    def finding(self) -> Finding:
        """Say what the evidence so far means."""
        metric, whole = self._metric, self._counts.total
        if whole <= 0:
            return Finding(self._key, Verdict.HOLD, f"{metric.title}: no evidence, no events", None, 0)
        percent = 100 * (1 - self._counts.over_target / whole)
        inside = metric.minimum_percent <= percent <= metric.maximum_percent
        return Finding(
            self._key,
            Verdict.PROMOTE if inside else Verdict.HOLD,
            f"{metric.title} {percent:.1f} % "
            f"({metric.minimum_percent:g} to {metric.maximum_percent:g} % wanted)",
            percent,
            whole,
        )


class ZeroJudge:
    """Judges a count that must stay zero: one event rolls back.

    The counter itself must be there: ``Counts.total`` is the number of series seen, and none is no evidence.
    """

    def __init__(self, key: str, metric: ZeroMetric) -> None:
        self._key = key
        self._metric = metric
        self._events = 0.0
        self._seen = False

    def add(self, canary: Counts, stable: Counts, *, at: float) -> None:
        """Take an interval into account."""
        self._seen = self._seen or canary.total > 0
        self._events += canary.over_trigger

    def finding(self) -> Finding:
        """Say what the evidence so far means."""
        title, events = self._metric.title, self._events
        if events > 0:
            return Finding(self._key, Verdict.ROLLBACK, f"{title}: {events:.0f} (0 allowed)", events, events)
        if not self._seen:
            return Finding(self._key, Verdict.HOLD, f"{title}: no evidence, not reported", None, 0)
        return Finding(self._key, Verdict.PROMOTE, f"{title}: 0", 0, 0)


def judge_for(key: str, metric: Metric, decision: Decision, *, alpha: float, horizon: float) -> Judge:
    """Return the judge for a metric of the policy.

    :param alpha: this metric's part of the false-rollback probability.
    :param horizon: seconds the phase may last.
    """
    if isinstance(metric, BandMetric):
        return BandJudge(key, metric)
    if isinstance(metric, ZeroMetric):
        return ZeroJudge(key, metric)
    return ShareJudge(key, metric, decision, alpha=alpha, horizon=horizon)


def _limits(metric: ShareMetric | QuantileMetric) -> tuple[float, float]:
    if isinstance(metric, QuantileMetric):
        share = 1 - metric.quantile_percent / 100
        return share, share
    return metric.target_percent / 100, metric.trigger_percent / 100


def _describe(metric: ShareMetric | QuantileMetric) -> str:
    if isinstance(metric, QuantileMetric):
        allowed = 100 - metric.quantile_percent
        return (
            f"requests slow (at most {allowed:g} % over {metric.target_seconds:g} s wanted, "
            f"rollback over {metric.trigger_seconds:g} s)"
        )
    return f"(target {metric.target_percent:g} %, rollback over {metric.trigger_percent:g} %)"
