"""A level holds where it stays over its limit, and where it is on its way there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from slipway.analysis.bake import BakeAnalysis
from slipway.analysis.counts import Counts
from slipway.analysis.judges.level import LevelJudge
from slipway.analysis.statistics.trend import trend_of
from slipway.analysis.verdict import Cause, Finding, Verdict
from slipway.policy.metrics import LevelMetric
from slipway.policy.release import load_policy

POLL = 15.0
MEMORY = LevelMetric(
    kind="level",
    title="Memory",
    unit="of its limit",
    minimum_evidence=3,
    value="m",
    limit=0.9,
    checks=3,
    horizon_seconds=86400,
)


def judged(levels: Sequence[float], *, stable: float = 0.3, **changed: Any) -> Finding:
    judge = LevelJudge("memory", MEMORY.model_copy(update=changed))
    for number, level in enumerate(levels):
        judge.add(Counts(1, level, float(level > MEMORY.limit)), Counts(1, stable), at=number * POLL)
    return judge.finding(is_last=False)


def test_a_level_holds_when_it_stays_over_its_limit_and_a_spike_does_not() -> None:
    over = judged([0.95, 0.95, 0.95])
    assert (over.verdict, over.cause, over.observed) == (Verdict.HOLD, Cause.OVER_TARGET, 0.95)
    assert over.reason == "Memory 95 % of its limit (at most 90 % allowed): over the limit 3 checks in a row"
    assert judged([0.95, 0.3, 0.95]).verdict is Verdict.PROMOTE


def test_a_level_at_the_limit_of_a_rollback_rolls_back_unless_stable_is_there_too() -> None:
    full = judged([0.99, 0.99, 0.995], rollback_limit=0.98)
    assert (full.verdict, full.cause) == (Verdict.ROLLBACK, Cause.OVER_TRIGGER)
    assert full.reason.endswith("(at most 90 % allowed): over 98 % 3 checks in a row")
    assert judged([0.99, 0.97, 0.99], rollback_limit=0.98).verdict is Verdict.HOLD
    assert judged([0.99, 0.99, 0.99], rollback_limit=0.98, stable=0.99).verdict is Verdict.HOLD
    assert judged([0.99, 0.99, 0.99]).verdict is Verdict.HOLD


def test_no_report_is_no_evidence_which_a_warning_only_tells() -> None:
    assert judged([0.3, 0.3]).cause is Cause.NO_EVIDENCE
    assert not judged([]).advisory
    assert judged([], on_no_data="report").advisory


def hour(rise_per_hour: float, *, noise: float = 0.005, seed: int = 1) -> list[float]:
    rng = np.random.default_rng(seed)
    return [0.3 + rise_per_hour * check / 240 + float(rng.normal(0, noise)) for check in range(240)]


def test_a_leak_is_held_with_the_time_that_is_left() -> None:
    leak = judged(hour(0.1))
    assert (leak.verdict, leak.cause) == (Verdict.HOLD, Cause.RISING)
    left = float(leak.reason.rpartition(" in ")[2].removesuffix(" s").replace(",", ""))
    assert left == pytest.approx(5 * 3600, rel=0.2)
    assert judged(hour(0.1), horizon_seconds=3600).verdict is Verdict.PROMOTE
    assert judged(hour(0.1), horizon_seconds=None).verdict is Verdict.PROMOTE


def test_steady_memory_is_rarely_taken_for_a_leak() -> None:
    held = sum(judged(hour(0.0, seed=seed)).verdict is Verdict.HOLD for seed in range(300))
    # One in a thousand by the statistic, both sides: three of 300 in less than one of two hundred tries.
    assert held <= 2


def test_a_warm_up_that_comes_to_rest_is_no_leak() -> None:
    warm = [0.1 + 0.2 * min(1.0, check / 80) for check in range(240)]
    assert judged(warm).verdict is Verdict.PROMOTE
    assert judged(warm[:60]).cause is Cause.RISING


def test_a_spike_or_a_fall_is_no_rise() -> None:
    spikes = [0.3 + 0.4 * (check % 40 == 39) for check in range(240)]
    assert judged(spikes).verdict is Verdict.PROMOTE
    assert judged(hour(-0.1)).verdict is Verdict.PROMOTE


def test_the_trend_is_the_median_slope_whatever_a_few_points_say() -> None:
    at = [float(number) for number in range(50)]
    levels = [2 * moment for moment in at]
    levels[10] = levels[40] = 1000.0
    trend = trend_of(at, levels)
    assert trend.per_second == pytest.approx(2, rel=0.05)
    assert trend.z > 5
    assert trend_of(at, [1.0] * 50) == trend_of([], []) != trend
    assert trend_of(at, levels[::-1]).z < 0


def test_a_phase_with_a_leaking_version_is_held_and_a_steady_one_promoted() -> None:
    policy = load_policy("release.yaml")

    def verdict(memory: Sequence[float]) -> tuple[Verdict, Cause | None]:
        analysis = BakeAnalysis(policy, bake_seconds=3600, extension_seconds=1800)
        for check, level in enumerate(memory):
            counts = {key: Counts(30) for key in policy.metrics} | {"cost_reduction": Counts(1.0, 0.8)}
            canary = counts | {"memory": Counts(1, level, 0)}
            analysis.add(canary, counts, at=check * POLL)
        decision = analysis.decision(at=3600)
        return decision.verdict, decision.cause

    assert verdict(hour(0.1)) == (Verdict.HOLD, Cause.RISING)
    assert verdict(hour(0.0)) == (Verdict.PROMOTE, Cause.WITHIN_TARGET)
