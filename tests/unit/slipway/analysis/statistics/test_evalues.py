"""The tests keep their promise at every check, and see what they must detect."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from slipway.analysis.statistics.evalues import BetterThan
from slipway.analysis.statistics.worse_than import WorseThan

ALPHA = 0.01
CHECKS = 240
REQUESTS = 15


def worse_than(p0: float, *, runs: tuple[int, ...] = ()) -> WorseThan:
    return WorseThan(
        p0, log_threshold=math.log(1 / ALPHA), restart_every=60, burst=45, horizon=3600, shape=runs
    )


def better_than(p0: float, *, few: float = 0.8, runs: tuple[int, ...] = ()) -> BetterThan:
    return BetterThan(p0, evidence=20, few=few, shape=runs)


def checks_until_rejection(
    share: float, p0: float, *, runs: int, checks: int, seed: int, requests: int = REQUESTS
) -> np.ndarray:
    """Return the check at which each run rejects, infinite where it does not."""
    rng, test, first = np.random.default_rng(seed), worse_than(p0, runs=(runs,)), np.full(runs, np.inf)
    for check in range(checks):
        test.add(rng.binomial(requests, share, runs), np.full(runs, requests), at=15 * (check + 1))
        first = np.where(np.isinf(first) & test.rejects, check, first)
    return first


@pytest.mark.parametrize("requests", [2, REQUESTS, 600])
def test_false_alarms_stay_under_alpha_however_often_it_is_checked(requests: int) -> None:
    first = checks_until_rejection(0.01, 0.01, runs=1000, checks=CHECKS, seed=1, requests=requests)
    # Ville: at most 1 %; five standard deviations above that for 1000 runs.
    assert np.isfinite(first).mean() <= ALPHA + 5 * math.sqrt(ALPHA * (1 - ALPHA) / 1000)


@pytest.mark.parametrize(("share", "checks"), [(0.05, 12), (0.2, 3)])
def test_a_bad_share_is_seen_soon(share: float, checks: int) -> None:
    first = checks_until_rejection(share, 0.00316, runs=100, checks=60, seed=2)
    assert np.isfinite(first).all()
    assert np.median(first) <= checks


def test_a_late_regression_is_not_hidden_by_a_good_past() -> None:
    rng, test = np.random.default_rng(3), worse_than(0.00316)
    for check in range(120):
        test.add(0, REQUESTS, at=15 * check)
    late = 0
    while not test.rejects:
        test.add(int(rng.binomial(REQUESTS, 0.05)), REQUESTS, at=15 * (120 + late))
        late += 1
        assert late < 40


def is_rejected_by_spell(share: float, *, checks: int, quiet: int) -> bool:
    """Say whether a spell of high traffic after quiet checks rejects at any of its checks."""
    test = worse_than(0.00316)
    for check in range(quiet):
        test.add(0, 1500, at=15 * (check + 1))
    ever = False
    for check in range(quiet, quiet + checks):
        test.add(round(1500 * share), 1500, at=15 * (check + 1))
        ever |= bool(test.rejects)
    return ever


@pytest.mark.parametrize(
    ("share", "quiet", "passes", "rejects"),
    [(1.0, 40, 2, 5), (0.1, 40, 3, 8), (0.04, 40, 7, 12), (0.2, 0, 1, 2)],
)
def test_a_burst_is_never_enough_and_what_persists_is(
    share: float, quiet: int, passes: int, rejects: int
) -> None:
    assert not is_rejected_by_spell(share, checks=passes, quiet=quiet)
    assert is_rejected_by_spell(share, checks=rejects, quiet=quiet)


def test_a_ramp_is_followed_although_the_past_was_good() -> None:
    test = worse_than(0.00316)
    for check in range(60):
        test.add(0, 150, at=15 * (check + 1))
    late = 0
    while not test.rejects:
        late += 1
        test.add(150 * min(0.03, 0.0005 * late), 150, at=15 * (60 + late))
        assert late < 40


def test_without_events_there_is_no_evidence() -> None:
    worse, better = worse_than(0.01), better_than(0.01)
    for check in range(CHECKS):
        worse.add(0, 0, at=15 * check)
        better.add(0, 0)
    assert worse.log_e == pytest.approx(0, abs=1e-9)
    assert better.log_e == pytest.approx(0, abs=1e-9)


def test_clean_traffic_proves_a_share_under_the_trigger() -> None:
    better = better_than(0.01)
    better.add(0, 300)
    assert better.log_e < math.log(20)
    better.add(0, 90)
    assert better.log_e >= math.log(20)


def test_one_error_among_few_requests_is_proven_later_and_not_never() -> None:
    better = better_than(0.01)
    better.add(1, 450)
    assert better.log_e < math.log(20)
    better.add(0, 80)
    assert better.log_e >= math.log(20)
    better.add(1, 0)
    assert better.log_e < math.log(20)


@pytest.mark.parametrize("few", [0.0, 0.8])
def test_a_release_at_the_trigger_is_proven_better_as_seldom_as_stated(few: float) -> None:
    rng, test = np.random.default_rng(8), better_than(0.01, few=few, runs=(1500,))
    ever = np.zeros(1500, dtype=bool)
    for _ in range(200):
        test.add(rng.binomial(7, 0.01, 1500), np.full(1500, 7))
        ever |= test.log_e >= math.log(20)
    assert ever.mean() <= 0.05 + 4 * math.sqrt(0.05 * 0.95 / 1500)


@pytest.mark.parametrize("requests", [50, 400, 1200])
def test_under_the_trigger_itself_the_evidence_is_one_on_average(requests: int) -> None:
    bad = np.arange(0, 80)
    test = better_than(0.01, runs=bad.shape)
    test.add(bad, np.full(bad.shape, requests))
    logs = [
        math.lgamma(requests + 1) - math.lgamma(k + 1) - math.lgamma(requests - k + 1)
        for k in bad.clip(0, requests)
    ]
    chance = np.exp(logs + bad * math.log(0.01) + (requests - bad) * math.log(0.99)) * (bad <= requests)
    assert float((chance * np.exp(test.log_e)).sum()) <= 1 + 1e-9


@settings(max_examples=50)
@given(
    counts=st.lists(
        st.integers(0, 50).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))),
        min_size=1,
        max_size=30,
    )
)
def test_evidence_for_better_is_the_same_however_intervals_are_split(counts: list[tuple[int, int]]) -> None:
    apart, together = better_than(0.05), better_than(0.05)
    for bad, total in counts:
        apart.add(bad, total)
    together.add(sum(bad for bad, _ in counts), sum(total for _, total in counts))
    assert apart.log_e == pytest.approx(together.log_e, rel=1e-9, abs=1e-9)
