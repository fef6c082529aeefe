"""A share is judged alone while stable is well, and against stable while stable is not."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from slipway.analysis.method import CURRENT, Method, method_of
from slipway.analysis.statistics.error_budget import Budget
from slipway.analysis.statistics.share_test import Limits, ShareTest
from slipway.policy.metrics import DecisionRules
from slipway.policy.release import load_policy

BUDGET = Budget(0.01, 0.005, 0.005)
LIMITS = Limits(target=0.001, trigger=0.01, null=0.00316)
POLL = 15.0


def rules(**changed: Any) -> DecisionRules:
    return load_policy("release.yaml").decision.model_copy(update={"burst_seconds": 3 * POLL} | changed)


def share_test(decision: DecisionRules | None = None, *, runs: tuple[int, ...] = ()) -> ShareTest:
    return ShareTest(LIMITS, decision or rules(), BUDGET, horizon=5400, compare=True, shape=runs)


def feed(test: ShareTest, checks: int, canary: tuple[float, float], stable: tuple[float, float]) -> None:
    """Add checks of ``(total, bad)`` after those that are there."""
    begun = int(max(test.quarantine._last, 0) / POLL)
    for check in range(begun + 1, begun + checks + 1):
        test.add(canary[0], canary[1], canary[1], stable[0], stable[1], at=check * POLL)


def test_an_outage_of_both_is_quarantined_and_rolls_nothing_back() -> None:
    test = share_test()
    feed(test, 20, (150, 0), (1350, 1))
    feed(test, 40, (150, 12), (1350, 108))
    assert test.quarantine.active
    assert not test.rolls_back
    assert not test.promotes
    feed(test, 60, (150, 0), (1350, 1))
    assert not test.quarantine.active
    assert not test.rolls_back
    assert not test.rolls_back_at_deadline
    assert test.promotes


def test_a_canary_that_is_worse_than_a_broken_stable_is_rolled_back() -> None:
    test = share_test()
    feed(test, 4, (150, 0), (1350, 1))
    feed(test, 20, (150, 45), (1350, 68))
    assert test.quarantine.active
    assert test.rolls_back


def test_quarantine_ends_in_a_freeze_that_only_a_person_ends() -> None:
    test = share_test(rules(quarantine_seconds=300))
    feed(test, 40, (150, 12), (1350, 108))
    assert test.quarantine.frozen
    feed(test, 60, (150, 0), (1350, 0))
    assert test.quarantine.frozen
    assert not test.promotes
    assert not test.rolls_back


def test_a_frozen_phase_blames_the_outage_on_nobody() -> None:
    rng, test = np.random.default_rng(5), share_test(rules(quarantine_seconds=60), runs=(200,))
    ever = np.zeros(200, dtype=bool)
    for check in range(1, 120):
        n, m = rng.poisson(15, 200), rng.poisson(135, 200)
        k, s = rng.binomial(n, 0.05), rng.binomial(m, 0.05)
        test.add(n, k, k, m, s, at=check * POLL)
        ever |= test.rolls_back
    assert test.quarantine.frozen.all()
    assert ever.mean() <= 0.02


def test_without_quarantine_an_outage_counts_and_only_the_comparison_is_left() -> None:
    off = rules(quarantine=False, relative_to_stable=1)
    test = share_test(off)
    feed(test, 20, (150, 15), (1350, 108))
    assert not test.quarantine.active
    assert test.rolls_back


def test_a_canary_over_the_trigger_that_is_as_bad_as_stable_is_not_rolled_back() -> None:
    test = share_test(rules(quarantine=False))
    feed(test, 20, (150, 15), (1350, 108))
    assert test.worse.rejects
    assert test.is_over_trigger
    assert not test.is_worse_than_stable, "required: twice as bad"
    assert not test.rolls_back
    assert not test.rolls_back_at_deadline


def test_a_canary_worse_than_stable_under_the_trigger_is_not_promoted() -> None:
    # 0.09 % is within the target and far under the trigger, but fifteen times what stable has.
    test = ShareTest(LIMITS, rules(), Budget(0.3, 0.3, 0.3), horizon=5400, compare=True)
    feed(test, 240, (2000, 1.8), (18000, 1))
    assert test.is_within_target
    assert test.is_behind_stable
    assert not test.promotes
    assert not test.rolls_back


def test_degraded_is_sticky_and_the_deadline_rolls_back_what_is_over_the_trigger() -> None:
    test = share_test(rules(relative_to_stable=1))
    feed(test, 6, (20, 2), (180, 0))
    assert test.degraded
    feed(test, 60, (20, 0), (180, 0))
    assert test.degraded
    assert not test.promotes


def test_strict_rolls_back_only_what_is_proven_over_the_trigger() -> None:
    rng = np.random.default_rng(7)
    guard = share_test(runs=(300,))
    strict = ShareTest(
        Limits(0.001, 0.01, 0.01),
        rules(rollback_null="strict"),
        BUDGET,
        horizon=5400,
        compare=True,
        shape=(300,),
    )
    ever = {"guard": np.zeros(300, dtype=bool), "strict": np.zeros(300, dtype=bool)}
    for check in range(1, 241):
        n = rng.poisson(150, 300)
        k = rng.binomial(n, 0.01)
        for name, test in (("guard", guard), ("strict", strict)):
            test.add(n, k, k, 9 * n, 0 * n, at=check * POLL)
            ever[name] |= test.rolls_back
    assert ever["guard"].mean() > 0.5
    assert ever["strict"].mean() <= 0.03
    assert not strict.rolls_back_at_deadline.any()


def test_many_releases_at_once_are_judged_as_each_alone() -> None:
    rng = np.random.default_rng(11)
    shares = np.array([0.0, 0.003, 0.02, 0.2])
    together, alone = share_test(runs=(4,)), [share_test() for _ in shares]
    for check in range(1, 60):
        n, m = rng.poisson(40, 4), rng.poisson(360, 4)
        k, s = rng.binomial(n, shares), rng.binomial(m, 0.002)
        together.add(n, k, k, m, s, at=check * POLL)
        for run, test in enumerate(alone):
            test.add(n[run], k[run], k[run], m[run], s[run], at=check * POLL)
            assert bool(test.rolls_back) == bool(together.rolls_back[run])
            assert float(test.worse.log_e) == pytest.approx(float(together.worse.log_e[run]))
            assert bool(test.promotes) == bool(together.promotes[run])


def test_without_events_nothing_follows() -> None:
    test = share_test()
    feed(test, 240, (0, 0), (0, 0))
    assert not test.promotes
    assert not test.rolls_back
    assert not test.rolls_back_at_deadline


def test_checks_only_go_forward() -> None:
    test = share_test()
    test.add(1, 0, 0, 1, 0, at=30)
    with pytest.raises(ValueError, match=r"check at 15 s comes after the one at 30 s"):
        test.add(1, 0, 0, 1, 0, at=15)


def rolled_back_at(shares: Callable[[float], float], method: Method) -> float:
    """Bake an hour of 10 requests/s at the new revision, with as many errors as the shares say."""
    test = ShareTest(LIMITS, rules(), BUDGET, horizon=5400, compare=False, method=method)
    due = seen = 0.0
    for at in range(15, 3615, 15):
        due += 150 * shares(at)
        test.add(150, int(due) - seen, int(due) - seen, 0, 0, at=at)
        seen = int(due)
        if test.rolls_back:
            return float(at)
    return math.inf


def spell(begin: int, end: float) -> Callable[[float], float]:
    """Errors at the trigger for a while."""
    return lambda at: 0.0104 if begin < at <= end else 0.0004


def test_a_spell_at_the_trigger_is_no_regression_and_one_that_does_not_end_is_one() -> None:
    assert rolled_back_at(spell(1800, 2340), method_of(4)) < 2340
    for method in (method_of(5), CURRENT):
        assert rolled_back_at(spell(1800, 2340), method) == math.inf
    assert rolled_back_at(lambda at: 0.0115 if at > 1800 else 0.0004, CURRENT) < 2460


def test_a_spell_of_the_first_minutes_is_no_rise() -> None:
    for begin in (450, 600):
        assert rolled_back_at(spell(begin, begin + 450), method_of(5)) < begin + 450
        assert rolled_back_at(spell(begin, begin + 450), CURRENT) == math.inf


def test_two_spells_before_are_not_near_the_guard_all_along() -> None:
    def spells(at: float) -> float:
        return 0.0104 if 1400 < at <= 1490 or 1800 < at <= 2280 else 0.0004

    assert rolled_back_at(spells, method_of(5)) < 2280
    assert rolled_back_at(spells, CURRENT) == math.inf


@pytest.mark.parametrize(
    "share",
    [
        lambda at: 0.0005 + 0.0495 * at / 3600,
        lambda at: 0.0006 + 0.0294 * at / 3600,
        lambda at: 0.0004 + 0.0596 * max(0.0, at - 60) / 1800,
        lambda at: 0.02 if at > 1500 else 0.0004,
    ],
)
def test_what_rises_or_is_far_over_the_trigger_is_found_as_soon_as_before(
    share: Callable[[float], float],
) -> None:
    assert rolled_back_at(share, CURRENT) <= rolled_back_at(share, method_of(5)) < math.inf


def test_a_slow_rise_with_few_requests_is_found_minutes_sooner() -> None:
    """Errors rise to 5 % in an hour at one request a second, and pass the trigger after 691 s."""
    rng, runs = np.random.default_rng(4), 400
    counts = [
        (rng.poisson(15, runs), 0.0005 + 0.0495 * at / 3600, float(at + 15)) for at in range(0, 1800, 15)
    ]
    medians = []
    for method in (method_of(5), CURRENT):
        test = ShareTest(LIMITS, rules(), BUDGET, horizon=5400, compare=False, method=method, shape=(runs,))
        found, dice = np.full(runs, np.inf), np.random.default_rng(5)
        for total, share, at in counts:
            bad = dice.binomial(total, share)
            test.add(total, bad, bad, 0 * total, 0 * total, at=at)
            found = np.where(np.isinf(found) & test.rolls_back, at, found)
        medians.append(float(np.median(found)))
    assert medians[1] <= medians[0] - 120


@pytest.mark.parametrize("share", [lambda at: 0.085 if at > 1200 else 0.001, lambda at: 0.1 * at / 3600])
def test_where_target_and_trigger_are_close_nothing_is_later(share: Callable[[float], float]) -> None:
    """As of latency, of which 5 % are the target and the trigger."""
    found = []
    for method in (method_of(5), CURRENT):
        close = Limits(0.05, 0.05, 0.035)
        test = ShareTest(close, rules(), BUDGET, horizon=5400, compare=False, method=method)
        assert test.rising is None
        at = due = seen = 0.0
        while not test.rolls_back and at < 3600:
            due += 150 * share(at)
            at += 15
            test.add(150, int(due) - seen, int(due) - seen, 0, 0, at=at)
            seen = int(due)
        found.append(at)
    assert found[1] == found[0] < 3600
