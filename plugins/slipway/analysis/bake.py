"""The analysis of one phase: readings in, decision out."""

from __future__ import annotations

from collections.abc import Mapping

from slipway.analysis.evidence import Counts
from slipway.analysis.judges import judge_for
from slipway.analysis.verdict import Decision, Verdict, combine
from slipway.policy import Policy, QuantileMetric, ShareMetric


class BakeAnalysis:
    """Watches one phase of a release.

    The false-rollback probability of the policy is shared evenly over the metrics that can roll back on
    chance and over the phases (Bonferroni); looking often costs nothing, as the tests are anytime-valid.

    :param policy: the policy of the release.
    :param bake_seconds: how long the phase is watched before it may be promoted.
    :param extension_seconds: how much longer it may be watched.
    """

    def __init__(self, policy: Policy, *, bake_seconds: float, extension_seconds: float) -> None:
        self._shares = [k for k, m in policy.metrics.items() if isinstance(m, ShareMetric | QuantileMetric)]
        alpha = policy.decision.false_rollback_probability / max(1, len(self._shares) * len(policy.phases))
        horizon = bake_seconds + extension_seconds
        self._bake_seconds = bake_seconds
        self._blind_seconds = policy.decision.blind_seconds
        self._last_event = 0.0
        self._judges = {
            key: judge_for(key, metric, policy.decision, alpha=alpha, horizon=horizon)
            for key, metric in policy.metrics.items()
        }

    def add(self, canary: Mapping[str, Counts], stable: Mapping[str, Counts], *, at: float) -> None:
        """Take a look into account.

        :param canary: increments at the new revision per metric.
        :param stable: increments at the stable revision per metric.
        :param at: seconds since the first look.
        """
        if any(canary[key].total for key in self._shares if key in canary):
            self._last_event = at
        for key, judge in self._judges.items():
            judge.add(canary.get(key, Counts()), stable.get(key, Counts()), at=at)

    def decision(self, *, at: float) -> Decision:
        """Decide now: a rollback may come at any time, a promotion only when the bake time is over.

        :param at: seconds since the first look.
        """
        decision = combine([judge.finding() for judge in self._judges.values()], seconds=at)
        if decision.verdict is not Verdict.PROMOTE:
            return decision
        if at < self._bake_seconds:
            return Decision(Verdict.HOLD, "baking", decision.findings, at)
        silent = at - self._last_event
        if silent > self._blind_seconds:
            reason = f"no evidence: no event of the new revision for {silent:.0f} s"
            return Decision(Verdict.HOLD, reason, decision.findings, at)
        return decision
