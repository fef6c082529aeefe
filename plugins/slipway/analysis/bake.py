"""The analysis of one phase: readings in, decision out."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

from slipway.analysis.counts import Counts
from slipway.analysis.judges.share import Judge, judge_for
from slipway.analysis.judges.traffic_share import TrafficShareJudge
from slipway.analysis.method import CURRENT, Method
from slipway.analysis.statistics.error_budget import budget_of
from slipway.analysis.verdict import Cause, Decision, Finding, Verdict, combine
from slipway.policy.metrics import QuantileMetric, ShareMetric
from slipway.policy.release import PhaseName, Policy


class BakeAnalysis:
    """Analyses the bake of one phase.

    The false-rollback probability of the policy is shared over the metrics that can roll back by chance, over
    the phases and over the ways to roll back (:mod:`slipway.analysis.statistics.error_budget`); frequent
    checks cost nothing.

    :param policy: the policy of the release.
    :param bake_seconds: how long the phase bakes before it may be promoted.
    :param extension_seconds: how much longer it may bake.
    :param phase: ``canary``, ``half`` or ``full``; None uses the smallest part of the budget, which is valid
        for each, and declares no share of the traffic.
    :param method: the analysis that decides.
    """

    def __init__(
        self,
        policy: Policy,
        *,
        bake_seconds: float,
        extension_seconds: float,
        phase: PhaseName | None = None,
        method: Method = CURRENT,
    ) -> None:
        self._shares = [k for k, m in policy.metrics.items() if isinstance(m, ShareMetric | QuantileMetric)]
        self._bake_seconds = bake_seconds
        early = None if phase is None else policy.phases[phase].early_promotion_seconds
        self._earliest = bake_seconds if early is None else early
        self._deadline = bake_seconds + extension_seconds
        self._max_event_gap_seconds = policy.decision.max_event_gap_seconds
        self._outage_seconds = policy.decision.outage_seconds
        self._metrics = policy.metrics
        self._ask_after_seconds = policy.decision.ask_after_seconds
        self._blocked_since: float | None = None
        self._odd: dict[str, str] = {}
        self._unanswered: dict[str, str] = {}
        self._answered = dict.fromkeys(policy.metrics, 0.0)
        self._at = dict.fromkeys(policy.metrics, 0.0)
        self._last_events = dict.fromkeys(self._shares, 0.0)
        self._last_answer = 0.0
        self._judges = {
            key: judge_for(
                key,
                metric,
                policy.decision,
                budget_of(policy, phase, key),
                horizon=self._deadline,
                evidence=policy.promotion_evidence(key),
                method=method,
            )
            for key, metric in policy.metrics.items()
        }
        self._requests = policy.traffic_share.request_metric
        self._share = phase and TrafficShareJudge(
            policy.traffic_share,
            policy.decision,
            declared_percent=policy.phases[phase].traffic_percent,
            horizon=self._deadline,
            requests_wait=method.requests_wait,
        )

    def add(
        self,
        canary: Mapping[str, Counts],
        stable: Mapping[str, Counts],
        *,
        at: float,
        read: Collection[str] | None = None,
    ) -> None:
        """Add a check.

        :param canary: increments at the new revision per metric.
        :param stable: increments at the stable revision per metric.
        :param at: seconds since the first check; never before the last one of the same metrics.
        :param read: the metrics that the check reads, where their sources are late by different times; None
            for all.
        :raises ValueError: when a check comes before one that is already counted.
        """
        self._last_answer = at
        keys = list(self._judges) if read is None else read
        for key in keys:
            self._at[key] = at
            self._odd[key] = self._oddity(key, canary, stable)
            self._unanswered[key] = canary.get(key, Counts()).unanswered
            if not self._unanswered[key]:
                self._answered[key] = at
            if key in self._shares and canary.get(key, Counts()).total:
                self._last_events[key] = at
            self._judges[key].add(*self._pair(key, canary, stable), at=at)
        if self._share and self._requests in keys:
            arms = (arm.get(self._requests, Counts()) for arm in (canary, stable))
            self._share.add(*arms, at=at, is_evidence=self._is_evidence(self._requests))

    @property
    def known_until(self) -> float:
        """Every metric was read, or asked for without an answer, up to here; in seconds."""
        return min(self._at.values(), default=0.0)

    def _oddity(self, key: str, canary: Mapping[str, Counts], stable: Mapping[str, Counts]) -> str:
        """Return why a metric's interval is no evidence; empty when it is."""
        compared = getattr(self._metrics[key], "compare_with_stable", False)
        arms = (("new", canary), ("stable", stable)) if compared else (("new", canary),)
        return next(
            (f"{name} revision: {arm[key].odd}" for name, arm in arms if key in arm and arm[key].odd), ""
        )

    def _is_evidence(self, key: str) -> bool:
        """Tell whether a metric's interval is evidence: it was answered, and nothing about it is odd."""
        return not (self._odd[key] or self._unanswered[key])

    def _pair(
        self, key: str, canary: Mapping[str, Counts], stable: Mapping[str, Counts]
    ) -> tuple[Counts, Counts]:
        """Return an interval of both revisions: without events when it is no evidence."""
        if not self._is_evidence(key):
            return Counts(), Counts()
        return canary.get(key, Counts()), stable.get(key, Counts())

    def _finding(self, key: str, judge: Judge, *, at: float) -> Finding:
        """Return the judge's finding; without an answer, or with an odd one, it can promote nothing."""
        finding = judge.finding(is_last=at >= self._deadline)
        odd, why = self._odd.get(key), self._unanswered.get(key)
        decides = finding.verdict is Verdict.ROLLBACK or finding.cause is Cause.FROZEN
        if decides or not (odd or why):
            return finding
        metric = self._metrics[key]
        words = f"{metric.title}: no evidence: {odd or why}"
        if odd:
            advisory = metric.on_no_data == "report"
            return Finding(key, Verdict.HOLD, words, None, 0, Cause.NO_EVIDENCE, advisory=advisory)
        out = at - self._answered[key]
        if out <= self._outage_seconds:
            advisory = metric.on_source_outage == "report"
            return Finding(key, Verdict.HOLD, words, None, 0, Cause.NO_ANSWER, advisory=advisory)
        return self._outage(
            key,
            f"{metric.title}: no answer for {out:.0f} s (at most {self._outage_seconds:g} s allowed): {why}",
        )

    def _outage(self, key: str, words: str) -> Finding:
        """Return what an outage that lasts too long does to a metric."""
        rule = self._metrics[key].on_source_outage
        verdict = Verdict.ROLLBACK if rule == "rollback" else Verdict.HOLD
        return Finding(key, verdict, words, None, 0, Cause.NO_ANSWER, advisory=rule == "report")

    def decision(self, *, at: float) -> Decision:
        """Decide now: a rollback may come at any time, a promotion only when the bake time is over.

        :param at: seconds since the first check.
        :return: the decision.
        """
        front = max(self._at.values(), default=0.0)
        # A metric of a later source is known up to a time before.
        known = {key: max(at, front) - (front - read) for key, read in self._at.items()}
        findings = [self._finding(key, judge, at=known[key]) for key, judge in self._judges.items()]
        if self._share:
            findings.append(self._share.finding())
        decision = combine(findings, seconds=at)
        if decision.verdict is not Verdict.PROMOTE:
            is_extended = min(known.values(), default=0.0) >= self._bake_seconds
            return self._asked(decision, at=at, is_extended=is_extended)
        if min(known.values()) < self._earliest:
            return Decision(Verdict.HOLD, "baking", findings, at, Cause.BAKING)
        silent = min((known[key] - last for key, last in self._last_events.items()), default=at)
        if silent > self._max_event_gap_seconds:
            reason = f"no evidence: no event of the new revision for {silent:.0f} s"
            return Decision(Verdict.HOLD, reason, findings, at, Cause.NO_EVIDENCE)
        return decision

    def _asked(self, decision: Decision, *, at: float, is_extended: bool) -> Decision:
        """Return the decision; one that asks a person where too long no promotion is possible any more."""
        left = max(0.0, self._deadline - at) if is_extended else None
        blocking = [
            finding
            for finding in decision.findings
            if finding.verdict is Verdict.HOLD
            and not finding.advisory
            and finding.metric in self._judges
            and not self._judges[finding.metric].may_yet_decide(seconds_left=left)
        ]
        if decision.verdict is not Verdict.HOLD or self._ask_after_seconds is None or not blocking:
            self._blocked_since = None
            return decision
        self._blocked_since = at if self._blocked_since is None else self._blocked_since
        if at - self._blocked_since < self._ask_after_seconds or decision.needs_a_person:
            return decision
        why = "; ".join(finding.reason for finding in blocking)
        reason = f"needs a decision, because the phase can no longer end in a promotion: {why}"
        return replace(decision, reason=reason, cause=Cause.CANNOT_PROMOTE)

    def unanswered(self, why: str, *, at: float) -> Decision:
        """Decide at a check that the metrics source did not answer: no evidence, hence ``hold``.

        When the source is down for longer than the policy allows, each metric's ``on_source_outage`` applies:
        one ``rollback`` rolls back. An outage never promotes.

        :param why: the error of the metrics source.
        :param at: seconds since the first check.
        :return: the decision.
        """
        self._at = dict.fromkeys(self._at, at)
        out = at - self._last_answer
        if out <= self._outage_seconds:
            return Decision(Verdict.HOLD, f"no evidence: {why}", [], at, Cause.NO_EVIDENCE)
        words = f"metrics source down for {out:.0f} s (at most {self._outage_seconds:g} s allowed)"
        findings = [self._outage(key, words) for key in self._metrics]
        blocking = [finding.metric for finding in findings if finding.verdict is Verdict.ROLLBACK]
        verdict = Verdict.ROLLBACK if blocking else Verdict.HOLD
        consequence = f", rollback because of {', '.join(blocking)}" if blocking else ""
        return Decision(verdict, f"{words}{consequence}: {why}", findings, at, Cause.NO_ANSWER)
