"""Argo Rollouts: an AnalysisRun that fails when more than ``failureLimit`` measurements failed.

Defaults after the success-rate example of ``docs/features/analysis.md`` (interval 5m, result >= 0.95,
failureLimit 3, ``irate(...[5m])``); strictly more than the limit, so four failures, after
``analysis/analysis.go``; a value that is not a number meets no condition and fails, after
``utils/evaluate/evaluate.go``.
"""

from __future__ import annotations

import numpy as np

from bench.analysis.outcome import Outcome, first_true
from bench.analysis.scenarios import TICK_SECONDS, TICKS
from bench.analysis.traffic import Traffic, quantile

_LIMIT = 3
_SUCCESS = 0.95
_POLICY_SUCCESS = 0.99


def documented(traffic: Traffic) -> Outcome:
    """Decide as the example: ``irate`` sees the last two scrapes, so one scrape interval in five minutes."""
    arm, step = traffic.canary, 300 // TICK_SECONDS
    last = slice(step - 1, TICKS, step)
    with np.errstate(invalid="ignore"):
        success = 1 - arm.errors[last] / arm.total[last]
    return _decide(success >= _SUCCESS, seconds=300.0)


def with_policy_limits(traffic: Traffic) -> Outcome:
    """Decide on the policy's triggers, each minute over the last minute."""
    arm = traffic.canary.minutes
    with np.errstate(invalid="ignore"):
        success = 1 - arm.errors / arm.total
    return _decide((success >= _POLICY_SUCCESS) & (quantile(arm.buckets, 95) <= 2.0), seconds=60.0)


def with_policy_limits_five_minutes(traffic: Traffic) -> Outcome:
    """Decide on the policy's triggers, every five minutes over the last five."""
    arm = traffic.canary.minutes

    def five(values: np.ndarray) -> np.ndarray:
        return np.asarray(values.reshape(-1, 5, *values.shape[1:]).sum(axis=1))

    with np.errstate(invalid="ignore"):
        success = 1 - five(arm.errors) / five(arm.total)
    return _decide((success >= _POLICY_SUCCESS) & (quantile(five(arm.buckets), 95) <= 2.0), seconds=300.0)


def _decide(passes: np.ndarray, *, seconds: float) -> Outcome:
    failed = np.cumsum(~passes, axis=0)
    rolled_back = first_true(failed > _LIMIT, seconds * np.arange(1, len(failed) + 1, dtype=np.float64))
    return Outcome(rolled_back, np.isinf(rolled_back))
