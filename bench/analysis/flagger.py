"""Flagger: every minute, each metric against a fixed range; failed checks add up and never go down.

Defaults after ``docs/gitbook/usage/metrics.md`` and ``docs/gitbook/tutorials/istio-progressive-delivery.md``
(success rate >= 99 %, P99 <= 500 ms, interval 1m, threshold 5); counting and the rollback on the
reconciliation after the last failure after ``pkg/controller/scheduler.go``; no value is a failed check after
``pkg/controller/scheduler_metrics.go``.
"""

from __future__ import annotations

import numpy as np

from bench.analysis.outcome import Outcome, first_true
from bench.analysis.traffic import Traffic, quantile

_THRESHOLD = 5
_SUCCESS = 0.99


def documented(traffic: Traffic) -> Outcome:
    """Decide with the documented values."""
    return _decide(traffic, percent=99, seconds=0.5)


def with_policy_limits(traffic: Traffic) -> Outcome:
    """Decide with the release policy's rollback triggers instead."""
    return _decide(traffic, percent=95, seconds=2.0)


def _decide(traffic: Traffic, *, percent: float, seconds: float) -> Outcome:
    arm = traffic.canary.minutes
    with np.errstate(invalid="ignore"):
        success = 1 - arm.errors / arm.total
    passes = (success >= _SUCCESS) & (quantile(arm.buckets, percent) <= seconds)
    failed = np.cumsum(~passes, axis=0)
    moments = 60 * np.arange(1, len(failed) + 1, dtype=np.float64)
    rolled_back = first_true(failed >= _THRESHOLD, moments + 60)
    rolled_back = np.where(rolled_back <= moments[-1] + 60, rolled_back, np.inf)
    return Outcome(rolled_back, np.isinf(rolled_back))
