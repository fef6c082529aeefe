"""Judges a level, such as memory in use: by where it is, and by where it is going."""

from __future__ import annotations

import math

from slipway.analysis.counts import Counts
from slipway.analysis.statistics.trend import trend_of
from slipway.analysis.verdict import Cause, Finding, Verdict
from slipway.policy.metrics import LevelMetric

_MIN_REPORTS_FOR_A_TREND = 8
#: No trend gives a statistic over this once in a thousand series of independent levels.
_CERTAIN = 3.1


class LevelJudge:
    """Holds a level that is over its limit at each of the last checks, or whose trend reaches it soon.

    The trend is that of the later half of the bake: a level that rises during warm-up and then stays is no
    leak. Over the limit for a rollback it rolls back, unless stable is over that too.
    ``Counts.total`` is the number of series that reported, ``Counts.over_target`` the highest level, and
    ``Counts.over_trigger`` how many were over the limit.
    """

    def __init__(self, key: str, metric: LevelMetric) -> None:
        self._key = key
        self._metric = metric
        self._at: list[float] = []
        self._checks: list[Counts] = []
        self._stable: list[float] = []
        self._found: Finding | None = None

    def add(self, canary: Counts, stable: Counts, *, at: float) -> None:
        """Add a check; one without a report changes nothing."""
        if canary.total > 0:
            self._found = None
            self._at.append(at)
            self._checks.append(canary)
            self._stable.append(stable.over_target if stable.total > 0 else 0.0)

    def may_yet_decide(self, *, seconds_left: float | None) -> bool:
        """Whether more evidence can still decide: not of a level over its limit, or on its way there."""
        return self.finding(is_last=False).cause not in (Cause.OVER_TARGET, Cause.RISING)

    def finding(self, *, is_last: bool) -> Finding:
        """Judge the evidence so far."""
        if self._found is None:
            self._found = self._judged()
        return self._found

    def _judged(self) -> Finding:
        metric = self._metric
        required = max(metric.checks, metric.minimum_evidence)
        if len(self._checks) < required:
            words = f"{metric.title}: no evidence: {len(self._checks)} of {required:g} required reports"
            advisory = metric.on_no_data == "report"
            return Finding(self._key, Verdict.HOLD, words, None, 0, Cause.NO_EVIDENCE, advisory=advisory)
        level = self._checks[-1].over_target
        allowed = f"at most {metric.figure(metric.limit)} allowed"
        now = f"{metric.title} {metric.figure(level)} {metric.unit} ({allowed})"
        if (most := self._limit_when_full()) is not None:
            words = f"{now}: over {metric.figure(most)} {metric.checks} checks in a row"
            return self._finding(Verdict.ROLLBACK, Cause.OVER_TRIGGER, words)
        if all(check.over_trigger > 0 for check in self._checks[-metric.checks :]):
            return self._finding(
                Verdict.HOLD, Cause.OVER_TARGET, f"{now}: over the limit {metric.checks} checks in a row"
            )
        seconds = self._seconds_to_limit()
        if seconds <= (metric.horizon_seconds or 0):
            words = f"{now}: rising, reaches its limit in {seconds:,.0f} s"
            return self._finding(Verdict.HOLD, Cause.RISING, words)
        return self._finding(Verdict.PROMOTE, Cause.WITHIN_TARGET, now)

    def _finding(self, verdict: Verdict, cause: Cause, words: str) -> Finding:
        last = self._checks[-1]
        observed = last.over_target if math.isfinite(last.over_target) else None
        return Finding(self._key, verdict, words, observed, last.total, cause)

    def _limit_when_full(self) -> float | None:
        """Return the limit of a rollback when the level is over it and stable's is not."""
        most = self._metric.rollback_limit
        last = slice(-self._metric.checks, None)
        if most is None or all(level > most for level in self._stable[last]):
            return None
        return most if all(check.over_target > most for check in self._checks[last]) else None

    def _seconds_to_limit(self) -> float:
        """Return in how many seconds the trend reaches the limit; infinite without a certain rise."""
        middle = (self._at[0] + self._at[-1]) / 2
        first = next(number for number, at in enumerate(self._at) if at >= middle)
        levels = [check.over_target for check in self._checks[first:]]
        if self._metric.horizon_seconds is None or len(levels) < _MIN_REPORTS_FOR_A_TREND:
            return math.inf
        if not all(map(math.isfinite, levels)):
            return math.inf
        trend = trend_of(self._at[first:], levels)
        if trend.z < _CERTAIN or trend.per_second <= 0:
            return math.inf
        return max(0.0, self._metric.limit - levels[-1]) / trend.per_second
