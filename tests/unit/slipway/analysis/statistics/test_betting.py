"""A band is proven, not guessed, from sums per interval."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from slipway.analysis.counts import Counts
from slipway.analysis.judges.band_and_zero import BandJudge
from slipway.analysis.statistics.betting import MeanOver, MeanWithin
from slipway.analysis.verdict import Cause, Finding, Verdict
from slipway.policy.metrics import BandMetric
from slipway.policy.release import load_policy


def finding(*savings: float, **changed: Any) -> Finding:
    policy = load_policy("release.yaml")
    metric = policy.metrics["cost_reduction"]
    assert isinstance(metric, BandMetric)
    judge = BandJudge("cost_reduction", metric.model_copy(update=changed), policy.decision)
    for saving in savings:
        judge.add(Counts(10.0, 10.0 * (1 - saving)), Counts(), at=0)
    return judge.finding(is_last=False)


def test_a_saving_in_the_band_is_proven_after_some_intervals_and_not_before() -> None:
    assert finding(*[0.2] * 5).cause is Cause.NOT_ENOUGH_EVIDENCE
    assert finding(*[0.2] * 40).verdict is Verdict.PROMOTE


def test_a_value_near_an_edge_needs_a_margin_to_be_proven_soon() -> None:
    assert finding(*[0.152] * 120, margin_percent=0).cause is Cause.NOT_ENOUGH_EVIDENCE
    assert finding(*[0.152] * 120).verdict is Verdict.PROMOTE


@pytest.mark.parametrize("saving", [0.05, 0.4, -0.3])
def test_outside_the_band_holds_however_much_is_seen(saving: float) -> None:
    found = finding(*[saving] * 240)
    assert (found.verdict, found.cause) == (Verdict.HOLD, Cause.OVER_TARGET)


def test_idle_intervals_prove_nothing() -> None:
    assert finding().cause is Cause.NO_EVIDENCE


def test_a_mean_at_the_bound_is_refuted_as_seldom_as_promised() -> None:
    rng, alpha, runs = np.random.default_rng(3), 0.05, 400
    refuted = 0
    for _ in range(runs):
        test = MeanOver(0.15)
        for saving in rng.beta(1.5, 8.5, 120):
            test.add(float(saving))
            if test.log_e >= math.log(1 / alpha):
                refuted += 1
                break
    assert refuted / runs <= alpha + 4 * math.sqrt(alpha * (1 - alpha) / runs)


def test_a_band_that_ends_at_a_natural_bound_needs_one_proof() -> None:
    test = MeanWithin(0.1, 1.0)
    for _ in range(60):
        test.add(0.9)
    assert test.log_e > math.log(20)
