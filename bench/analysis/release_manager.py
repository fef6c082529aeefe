"""Cloud Run Release Manager: every minute, plain rates over the last 30 minutes.

Defaults after ``cmd/operator/main.go`` (healthcheck-offset 30m, min-wait 30m, max-error-rate 1 %, latency
off, min-requests 0; the README says 100); verdicts after ``internal/health/health.go`` (unhealthy beats
inconclusive; no traffic is an error rate of 0, hence healthy).
"""

from __future__ import annotations

import numpy as np

from bench.analysis.outcome import Outcome, first_true
from bench.analysis.traffic import Traffic, quantile

_MAXIMUM_ERRORS = 0.01
_WINDOW_MINUTES = 30


def documented(traffic: Traffic) -> Outcome:
    """Decide with the defaults of the code."""
    return _decide(traffic, minimum_requests=0, latency=False)


def with_policy_limits(traffic: Traffic) -> Outcome:
    """Decide with the policy's P95 too, and the 100 requests that the README names."""
    return _decide(traffic, minimum_requests=100, latency=True)


def _decide(traffic: Traffic, *, minimum_requests: int, latency: bool) -> Outcome:
    arm = traffic.canary.minutes
    total, errors = _window(arm.total), _window(arm.errors)
    is_bad = errors > _MAXIMUM_ERRORS * total
    if latency:
        is_bad |= np.nan_to_num(quantile(_window(arm.buckets), 95)) > 2.0
    moments = 60 * np.arange(1, len(total) + 1, dtype=np.float64)
    enough = (total >= minimum_requests) & ~is_bad & (moments >= 60.0 * _WINDOW_MINUTES)[:, None]
    bad_at, on_at = first_true(is_bad, moments), first_true(enough, moments)
    return Outcome(np.where(bad_at < on_at, bad_at, np.inf), on_at < bad_at)


def _window(values: np.ndarray) -> np.ndarray:
    summed = np.cumsum(values, axis=0)
    summed[_WINDOW_MINUTES:] -= summed[:-_WINDOW_MINUTES].copy()
    return summed
