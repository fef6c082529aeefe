"""One judge per kind of metric: intervals in, a finding out."""

from __future__ import annotations

from typing import Protocol

from slipway.analysis.counts import Counts
from slipway.analysis.judges.band_and_zero import BandJudge, ZeroJudge
from slipway.analysis.judges.level import LevelJudge
from slipway.analysis.method import Method
from slipway.analysis.statistics.error_budget import Budget
from slipway.analysis.statistics.share_test import Limits, ShareTest
from slipway.analysis.verdict import Cause, Finding, Verdict
from slipway.policy.metrics import (
    BandMetric,
    DecisionRules,
    LevelMetric,
    Metric,
    QuantileMetric,
    ShareMetric,
    ZeroMetric,
)


class Judge(Protocol):
    """Judges one metric of one phase."""

    def add(self, canary: Counts, stable: Counts, *, at: float) -> None:
        """Add an interval; ``at`` is in seconds since the first check."""

    def finding(self, *, is_last: bool) -> Finding:
        """Judge the evidence so far; ``is_last`` when the phase ends with this check."""

    def may_yet_decide(self, *, seconds_left: float | None) -> bool:
        """Whether more evidence can still promote or roll back.

        :param seconds_left: of the extension; None before it has begun.
        """


class ShareJudge:
    """Judges bad events, or slow requests, as a share of all events (see :class:`ShareTest`).

    :param key: key of the metric in the policy.
    :param metric: the metric.
    :param decision: the policy's rules.
    :param budget: this metric's false-rollback probabilities in this phase.
    :param horizon: seconds the phase may last.
    :param evidence: e-value that a promotion needs.
    :param method: the analysis that decides.
    """

    def __init__(
        self,
        key: str,
        metric: ShareMetric | QuantileMetric,
        decision: DecisionRules,
        budget: Budget,
        *,
        horizon: float,
        evidence: float,
        method: Method,
    ) -> None:
        self._key = key
        self._metric = metric
        self._at = 0.0
        self._counts_good = isinstance(metric, ShareMetric) and metric.direction == "higher"
        self._quarantine_seconds = decision.quarantine_seconds
        self._past = "under" if self._counts_good else "over"
        self._test = ShareTest(
            Limits.of(metric, null=decision.rollback_null),
            decision,
            budget,
            horizon=horizon,
            compare=metric.compare_with_stable,
            evidence=evidence,
            method=method,
        )

    def add(self, canary: Counts, stable: Counts, *, at: float) -> None:
        """Add an interval; counts that contradict each other are left out."""
        c = canary if canary.is_possible else Counts()
        s = stable if stable.is_possible else Counts()
        self._at = at
        self._test.add(c.total, c.over_target, c.over_trigger, s.total, s.over_trigger, at=at)

    def finding(self, *, is_last: bool) -> Finding:
        """Judge the evidence so far."""
        test = self._test
        if test.rolls_back or (is_last and test.rolls_back_at_deadline):
            return self._rollback()
        if test.quarantine.frozen:
            return self._finding(
                Verdict.HOLD,
                Cause.FROZEN,
                "needs a decision, because the stable revision itself has exceeded the trigger for over "
                f"{_duration(self._quarantine_seconds)}; outside that time",
            )
        if test.quarantine.active:
            return self._finding(
                Verdict.HOLD,
                Cause.QUARANTINED,
                "in quarantine, because the stable revision itself exceeds the trigger; outside that time",
            )
        if test.events == 0:
            words = f"{self._metric.title}: no evidence: no events"
            advisory = self._metric.on_no_data == "report"
            return Finding(self._key, Verdict.HOLD, words, None, 0, Cause.NO_EVIDENCE, advisory=advisory)
        if test.degraded or (test.is_proven_better and not test.is_within_target):
            return self._finding(Verdict.HOLD, Cause.OVER_TARGET, f"{self._past} the target")
        if not test.is_proven_better or test.events < self._metric.minimum_evidence:
            return self._finding(Verdict.HOLD, Cause.NOT_ENOUGH_EVIDENCE, "not yet enough evidence")
        if test.is_behind_stable:
            return self._finding(Verdict.HOLD, Cause.WORSE_THAN_STABLE, "worse than stable")
        return self._finding(Verdict.PROMOTE, Cause.WITHIN_TARGET, "within the target")

    def may_yet_decide(self, *, seconds_left: float | None) -> bool:
        """Whether more evidence can still promote or roll back.

        It cannot where the share is proven over its target and is not on its way to a rollback; nor in an
        extension in which even faultless events, at 1.5 times the pace up to now, do not prove enough.
        """
        test, metric = self._test, self._metric
        if test.degraded:
            return metric.action == "rollback" and bool(test.is_over_trigger)
        if seconds_left is None or test.is_over_trigger or metric.on_no_data == "report":
            return True
        more = 1.5 * float(test.events) * seconds_left / max(self._at, 1.0)
        return bool(test.events + more >= metric.minimum_evidence and test.is_proven_after(more))

    def _rollback(self) -> Finding:
        if self._metric.action == "hold":
            return self._finding(
                Verdict.HOLD,
                Cause.OVER_TRIGGER,
                f"{self._past} the limit ({self._metric.severity} alert: holds the release)",
            )
        return self._finding(Verdict.ROLLBACK, Cause.OVER_TRIGGER, f"{self._past} the trigger")

    def _finding(self, verdict: Verdict, cause: Cause, words: str) -> Finding:
        test, events = self._test, float(self._test.events)
        bad = float(test.over_trigger if cause is Cause.OVER_TRIGGER else test.over_target)
        share = bad / events if events else 0.0
        share = 1 - share if self._counts_good else share
        return Finding(
            self._key,
            verdict,
            f"{self._metric.title} {words}: "
            f"{100 * share:.2f} % of {events:.0f} {self._metric.unit} {_describe(self._metric)}",
            100 * share if events else None,
            events,
            cause,
            {
                "worse": float(test.worse.log_e),
                "better": float(test.better.log_e),
                "relative": float(test.relative.log_e),
            }
            | ({"rising": float(test.rising.log_e)} if test.rising is not None else {}),
            advisory=cause is Cause.NOT_ENOUGH_EVIDENCE and self._metric.on_no_data == "report",
        )


def judge_for(
    key: str,
    metric: Metric,
    decision: DecisionRules,
    budget: Budget,
    *,
    horizon: float,
    evidence: float,
    method: Method,
) -> Judge:
    """Return the judge for a metric of the policy.

    :param key: key of the metric in the policy.
    :param metric: the metric.
    :param decision: the policy's rules.
    :param budget: this metric's false-rollback probabilities in this phase.
    :param horizon: seconds the phase may last.
    :param evidence: e-value that the promotion of a share needs.
    :param method: the analysis that decides.
    """
    if isinstance(metric, BandMetric):
        return BandJudge(key, metric, decision)
    if isinstance(metric, LevelMetric):
        return LevelJudge(key, metric)
    if isinstance(metric, ZeroMetric):
        return ZeroJudge(key, metric)
    return ShareJudge(key, metric, decision, budget, horizon=horizon, evidence=evidence, method=method)


def _duration(seconds: float) -> str:
    return f"{seconds / 60:g} min" if seconds >= 60 else f"{seconds:g} s"


def _describe(metric: ShareMetric | QuantileMetric) -> str:
    verb = "rollback" if metric.action == "rollback" else "alert"
    if isinstance(metric, QuantileMetric):
        allowed = 100 - metric.quantile_percent
        return (
            f"slow (at most {allowed:g} % over {metric.target_seconds:g} s allowed, "
            f"{verb} over {metric.trigger_seconds:g} s)"
        )
    past = "over" if metric.direction == "lower" else "under"
    return f"(target {metric.target_percent:g} %, {verb} {past} {metric.trigger_percent:g} %)"
