"""Judges a level, such as memory in use: by where it is, and by where it is going."""

from __future__ import annotations

import math

from slipway.analysis.counts import Counts
from slipway.analysis.statistics.trend import trend_of
from slipway.analysis.verdict import Cause, Finding, Verdict
from slipway.policy.metrics import LevelMetric

_FEWEST_FOR_A_TREND = 8
#: No trend gives a statistic over this once in a thousand series of independent levels.
_CERTAIN = 3.1


class LevelJudge:
    """Holds a level that is over its limit at each of the last looks, or that is on its way there.

    The trend is that of the later half of the watch: what grows while it warms up and then stays is no leak.
    ``Counts.total`` is the number of series that reported, ``Counts.over_target`` the highest level, and
    ``Counts.over_trigger`` how many were over the limit.
    """

    def __init__(self, key: str, metric: LevelMetric) -> None:
        self._key = key
        self._metric = metric
        self._at: list[float] = []
        self._looks: list[Counts] = []

    def add(self, canary: Counts, stable: Counts, *, at: float) -> None:
        """Take a look into account; one without a report changes nothing."""
        if canary.total > 0:
            self._at.append(at)
            self._looks.append(canary)

    def finding(self, *, is_last: bool) -> Finding:
        """Say what the evidence so far means."""
        metric = self._metric
        wanted = max(metric.checks, metric.minimum_evidence)
        if len(self._looks) < wanted:
            words = f"{metric.title}: no evidence, {len(self._looks)} of {wanted:g} reports"
            advisory = metric.on_no_data == "report"
            return Finding(self._key, Verdict.HOLD, words, None, 0, Cause.NO_EVIDENCE, advisory=advisory)
        level = self._looks[-1].over_target
        now = f"{metric.title} {level:.2g} {metric.unit} (at most {metric.limit:g} wanted)"
        if all(look.over_trigger > 0 for look in self._looks[-metric.checks :]):
            return self._finding(
                Verdict.HOLD, Cause.OVER_TARGET, f"{now}: over it {metric.checks} looks in a row"
            )
        seconds = self._seconds_to_limit()
        if seconds <= (metric.horizon_seconds or 0):
            words = f"{now}: rising, at its limit in {seconds:.0f} s"
            return self._finding(Verdict.HOLD, Cause.RISING, words)
        return self._finding(Verdict.PROMOTE, Cause.WITHIN_TARGET, now)

    def _finding(self, verdict: Verdict, cause: Cause, words: str) -> Finding:
        last = self._looks[-1]
        return Finding(self._key, verdict, words, last.over_target, last.total, cause)

    def _seconds_to_limit(self) -> float:
        """Return when the level is at its limit if it rises on as it does; infinite without a sure rise."""
        middle = (self._at[0] + self._at[-1]) / 2
        first = next(number for number, at in enumerate(self._at) if at >= middle)
        levels = [look.over_target for look in self._looks[first:]]
        if self._metric.horizon_seconds is None or len(levels) < _FEWEST_FOR_A_TREND:
            return math.inf
        trend = trend_of(self._at[first:], levels)
        if trend.z < _CERTAIN or trend.per_second <= 0:
            return math.inf
        return max(0.0, self._metric.limit - levels[-1]) / trend.per_second
