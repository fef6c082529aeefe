"""Judges of what is neither a share nor a level: a band, a count that must stay zero."""

from __future__ import annotations

import math

from slipway.analysis.counts import Counts
from slipway.analysis.statistics.betting import MeanWithin
from slipway.analysis.verdict import Cause, Finding, Verdict
from slipway.policy.metrics import BandMetric, DecisionRules, ZeroMetric


class BandJudge:
    """Judges ``100 * (1 - part / whole)`` against a band; outside it, unproven or without events, it holds.

    ``Counts.total`` carries the whole and ``Counts.over_target`` the part.
    """

    def __init__(self, key: str, metric: BandMetric, decision: DecisionRules) -> None:
        self._key = key
        self._metric = metric
        self._required = math.log(decision.promotion_evidence)
        self._counts = Counts()
        self._within = MeanWithin(
            (metric.minimum_percent - metric.margin_percent) / 100,
            (metric.maximum_percent + metric.margin_percent) / 100,
        )

    def add(self, canary: Counts, stable: Counts, *, at: float) -> None:
        """Add an interval; one without events, or with a negative sum, changes nothing."""
        if canary.total <= 0 or canary.over_target < 0:
            return
        self._counts = self._counts + canary
        self._within.add(1 - canary.over_target / canary.total)

    def may_yet_decide(self, *, seconds_left: float | None) -> bool:
        """Whether more evidence can still decide: always."""
        return True

    def finding(self, *, is_last: bool) -> Finding:
        """Judge the evidence so far."""
        metric, whole = self._metric, self._counts.total
        if whole <= 0:
            words = f"{metric.title}: no evidence: no events"
            advisory = metric.on_no_data == "report"
            return Finding(self._key, Verdict.HOLD, words, None, 0, Cause.NO_EVIDENCE, advisory=advisory)
        percent = 100 * (1 - self._counts.over_target / whole)
        verdict, cause, words = Verdict.PROMOTE, Cause.WITHIN_TARGET, ""
        if not metric.minimum_percent <= percent <= metric.maximum_percent:
            verdict, cause = Verdict.HOLD, Cause.OVER_TARGET
        elif self._within.log_e < self._required or whole < metric.minimum_evidence:
            verdict, cause, words = Verdict.HOLD, Cause.NOT_ENOUGH_EVIDENCE, ", not yet enough evidence"
        return Finding(
            self._key,
            verdict,
            f"{metric.title} {percent:.1f} % of {whole:.3g} {metric.unit} "
            f"({metric.minimum_percent:g} to {metric.maximum_percent:g} % required){words}",
            percent,
            whole,
            cause,
            {"within": self._within.log_e},
        )


class ZeroJudge:
    """Judges a count that must stay zero: one event rolls back, quarantine or not.

    The counter itself must be there: ``Counts.total`` is the number of series seen, and none is no evidence.
    """

    def __init__(self, key: str, metric: ZeroMetric) -> None:
        self._key = key
        self._metric = metric
        self._events = 0.0
        self._reports = 0

    def add(self, canary: Counts, stable: Counts, *, at: float) -> None:
        """Add an interval."""
        self._reports += canary.total > 0
        self._events += canary.over_trigger

    def may_yet_decide(self, *, seconds_left: float | None) -> bool:
        """Whether more evidence can still decide: always."""
        return True

    def finding(self, *, is_last: bool) -> Finding:
        """Judge the evidence so far."""
        title, events = self._metric.title, self._events
        if events > 0:
            words = f"{title}: {events:.0f} {self._metric.unit} (0 allowed)"
            return Finding(self._key, Verdict.ROLLBACK, words, events, events, Cause.OVER_TRIGGER)
        required = self._metric.minimum_evidence
        if self._reports < required:
            words = f"{title}: no evidence: {self._reports} of {required:g} required reports"
            advisory = self._metric.on_no_data == "report"
            return Finding(self._key, Verdict.HOLD, words, None, 0, Cause.NO_EVIDENCE, advisory=advisory)
        return Finding(
            self._key, Verdict.PROMOTE, f"{title}: 0 {self._metric.unit}", 0, 0, Cause.WITHIN_TARGET
        )
