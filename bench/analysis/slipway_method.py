"""Slipway's own analysis on simulated traffic: the very tests that decide a release, many runs at once.

Errors and P95 latency are simulated; every other metric of the policy keeps its part of the error budget. A
phase that is not decided when the simulated time is over (an hour, or with its extension) counts as held,
or as rolled back by the deadline rule.
"""

from __future__ import annotations

import numpy as np
from slipway.analysis.statistics.error_budget import budget_of
from slipway.analysis.statistics.share_test import Limits, ShareTest
from slipway.policy.metrics import QuantileMetric, ShareMetric
from slipway.policy.release import Policy

from bench.analysis.outcome import Outcome
from bench.analysis.scenarios import TICK_SECONDS
from bench.analysis.traffic import Arm, Traffic


def decide(
    traffic: Traffic, policy: Policy, *, check_every: int = 1, synthetic: Traffic | None = None
) -> Outcome:
    """Decide with a policy.

    :param traffic: the simulated traffic.
    :param policy: the policy of the release.
    :param check_every: ticks of 15 s between two checks.
    :param synthetic: the synthetic requests, of a policy that sends them.
    """
    of = dict.fromkeys(("error_rate", "latency_p95"), traffic)
    if synthetic is not None and policy.synthetic_requests is not None:
        of |= dict.fromkeys(policy.synthetic_requests.metrics.values(), synthetic)
    metrics = {key: policy.metrics[key] for key in of}
    phase, rules = policy.phases["canary"], policy.decision
    ticks, runs = traffic.canary.total.shape
    tests = {
        key: ShareTest(
            Limits.of(metric, null=rules.rollback_null),
            rules,
            budget_of(policy, "canary", key),
            horizon=phase.bake_seconds + phase.extension_seconds,
            compare=metric.compare_with_stable,
            evidence=policy.promotion_evidence(key),
            shape=(runs,),
        )
        for key, metric in metrics.items()
        if isinstance(metric, ShareMetric | QuantileMetric)
    }
    canary = {key: _counts(of[key].canary, metrics[key]) for key in tests}
    stable = {key: _counts(of[key].stable, metrics[key]) for key in tests}
    rolled_back, promoted = np.full(runs, np.inf), np.zeros(runs, dtype=bool)
    for begin in range(0, ticks, check_every):
        at = float((begin + check_every) * TICK_SECONDS)
        window = slice(begin, begin + check_every)
        for key, test in tests.items():
            n, soft, hard = (part[window].sum(axis=0) for part in canary[key])
            stable_n, _, stable_hard = (part[window].sum(axis=0) for part in stable[key])
            test.add(n, soft, hard, stable_n, stable_hard, at=at)
            rolled_back = np.where(np.isinf(rolled_back) & ~promoted & test.rolls_back, at, rolled_back)
        is_last = begin + check_every >= ticks
        for test in tests.values() if is_last else ():
            at_deadline = np.isinf(rolled_back) & ~promoted & test.rolls_back_at_deadline
            rolled_back = np.where(at_deadline, at, rolled_back)
        if at >= phase.bake_seconds:
            promoted |= np.isinf(rolled_back) & np.all([test.promotes for test in tests.values()], axis=0)
        if not (np.isinf(rolled_back) & ~promoted).any():
            break
    return Outcome(rolled_back, promoted)


def _counts(arm: Arm, metric: object) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    if isinstance(metric, QuantileMetric):
        return arm.total, arm.slower_than(metric.target_seconds), arm.slower_than(metric.trigger_seconds)
    return arm.total, arm.errors, arm.errors
