"""The stated false-rollback probability holds: as a sum, and in releases with nothing wrong."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from slipway.analysis.statistics.error_budget import Budget, budget_of, phase_parts, statistical_metrics
from slipway.analysis.statistics.share_test import Limits, ShareTest
from slipway.policy.release import Policy, load_policy

RUNS = 1500
CHECKS = 160
GUARD = 0.00316

#: How a check of many runs becomes "rolled back now".
Rule = Callable[[np.ndarray, np.ndarray, float], np.ndarray]


@pytest.fixture(scope="module")
def policy() -> Policy:
    return load_policy("release.yaml")


def test_everything_together_is_at_most_what_the_policy_states(policy: Policy) -> None:
    spent = sum(
        budget_of(policy, phase, key).total for phase in policy.phases for key in statistical_metrics(policy)
    )
    assert spent == pytest.approx(policy.decision.false_rollback_probability)
    assert sum(phase_parts(policy).values()) == pytest.approx(1)


def test_the_phase_with_least_traffic_gets_most_and_an_unknown_one_least(policy: Policy) -> None:
    guards = [budget_of(policy, phase, "error_rate").guard for phase in ("canary", "half", "full")]
    assert guards == sorted(guards, reverse=True)
    assert budget_of(policy, None, "error_rate").guard == pytest.approx(min(guards))


def test_a_metric_has_the_parts_that_the_policy_gives_it(policy: Policy) -> None:
    errors, sockets, alert = (
        budget_of(policy, "canary", key).guard
        for key in ("error_rate", "websocket_connection", "websocket_event_latency")
    )
    assert errors == pytest.approx(3 * sockets)
    assert alert == pytest.approx(sockets)


def test_metrics_that_never_roll_back_take_no_part(policy: Policy) -> None:
    assert "websocket_event_latency" not in statistical_metrics(policy)
    assert "optimization_failure_alert" not in statistical_metrics(policy)
    assert "session_isolation" not in statistical_metrics(policy)


def rolled_back(rule: Rule, *, share: float, seed: int) -> float:
    """Return the part of A/A releases, canary and stable alike, that a rule rolls back at any check."""
    rng, ever = np.random.default_rng(seed), np.zeros(RUNS, dtype=bool)
    for check in range(1, CHECKS + 1):
        n = rng.poisson(150, RUNS)
        ever |= rule(rng.binomial(n, share), n, 15.0 * check)
    return float(ever.mean())


def sequential(alpha: float, policy: Policy) -> Rule:
    """The rejection at the heart of a rollback, alone: no other condition helps it to keep its promise."""
    budget = Budget(alpha, alpha, alpha)
    test = ShareTest(
        Limits(0.001, 0.01, GUARD), policy.decision, budget, horizon=5400, compare=False, shape=(RUNS,)
    )

    def rule(bad: np.ndarray, total: np.ndarray, at: float) -> np.ndarray:
        test.add(total, bad, bad, 0 * total, 0 * total, at=at)
        return test.worse.rejects

    return rule


def peeking() -> Rule:
    """A one-sided normal test at 5 %, taken anew at every check."""
    sums = np.zeros((2, RUNS))

    def rule(bad: np.ndarray, total: np.ndarray, at: float) -> np.ndarray:
        sums[0] += bad
        sums[1] += total
        return np.asarray(sums[0] - GUARD * sums[1] > 1.645 * np.sqrt(GUARD * (1 - GUARD) * sums[1]))

    return rule


def within(alpha: float) -> float:
    return alpha + 4 * math.sqrt(alpha * (1 - alpha) / RUNS)


@pytest.mark.parametrize("alpha", [0.05, 0.01])
def test_at_the_guard_the_promise_holds_at_every_look(policy: Policy, alpha: float) -> None:
    assert rolled_back(sequential(alpha, policy), share=GUARD, seed=1) <= within(alpha)


def test_the_same_check_catches_a_test_that_breaks_its_promise() -> None:
    assert rolled_back(peeking(), share=GUARD, seed=1) > within(0.05)


def test_releases_like_stable_are_not_rolled_back(policy: Policy) -> None:
    budget = budget_of(policy, "canary", "error_rate")
    limits = Limits.of(policy.metrics["error_rate"], null="guard")  # type: ignore[arg-type]
    test = ShareTest(limits, policy.decision, budget, horizon=5400, compare=True, shape=(RUNS,))
    rng, ever = np.random.default_rng(2), np.zeros(RUNS, dtype=bool)
    for check in range(1, CHECKS + 1):
        n, m = rng.poisson(15, RUNS), rng.poisson(135, RUNS)
        # Both have the same rough spells: errors of 0.05 %, and of 5 % in one interval of forty.
        share = np.where(rng.random(RUNS) < 1 / 40, 0.05, 0.0005)
        k, s = rng.binomial(n, share), rng.binomial(m, share)
        test.add(n, k, k, m, s, at=15.0 * check)
        ever |= test.rolls_back
    assert (ever | test.rolls_back_at_deadline).mean() <= within(budget.total)


@pytest.mark.parametrize("requests", [15, 150])
def test_at_the_guard_a_release_is_rolled_back_no_more_often_than_stated(
    policy: Policy, requests: int
) -> None:
    """The test of a rise refutes less than the guard; it costs less than the release's budget there."""
    budget, stated = (
        budget_of(policy, "canary", "error_rate"),
        policy.decision.false_rollback_probability,
    )
    limits = Limits.of(policy.metrics["error_rate"], null="guard")  # type: ignore[arg-type]
    test = ShareTest(limits, policy.decision, budget, horizon=5400, compare=True, shape=(RUNS,))
    rng, ever = np.random.default_rng(3), np.zeros(RUNS, dtype=bool)
    for check in range(1, CHECKS + 1):
        n, m = rng.poisson(requests, RUNS), rng.poisson(9 * requests, RUNS)
        k, s = rng.binomial(n, GUARD), rng.binomial(m, 0.0005)
        test.add(n, k, k, m, s, at=15.0 * check)
        ever |= test.rolls_back
    assert ever.mean() <= within(stated)
