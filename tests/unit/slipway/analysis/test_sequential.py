"""The tests keep their promise at every look, and see what they are there to see."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from slipway.analysis.sequential import BetterThan, WorseThan

ALPHA = 0.01
LOOKS = 240
REQUESTS = 15


def worse_than(p0: float) -> WorseThan:
    return WorseThan(p0, log_threshold=math.log(1 / ALPHA), restart_every=60, burst=15, horizon=3600)


def rejects(rng: np.random.Generator, share: float, p0: float) -> int | None:
    """Return the look at which the test rejects, or None."""
    test = worse_than(p0)
    for look, bad in enumerate(rng.binomial(REQUESTS, share, LOOKS)):
        test.add(int(bad), REQUESTS, at=15 * look)
        if test.rejects:
            return look
    return None


def test_false_alarms_stay_under_alpha_whenever_one_looks() -> None:
    rng = np.random.default_rng(1)
    alarms = sum(rejects(rng, 0.01, 0.01) is not None for _ in range(400))
    # Ville: at most 1 %; five standard deviations above that for 400 runs.
    assert alarms <= 400 * ALPHA + 5 * math.sqrt(400 * ALPHA * (1 - ALPHA))


@pytest.mark.parametrize(("share", "looks"), [(0.05, 12), (0.2, 4)])
def test_a_bad_share_is_seen_soon(share: float, looks: int) -> None:
    rng = np.random.default_rng(2)
    seen = [rejects(rng, share, 0.00316) for _ in range(100)]
    assert all(look is not None for look in seen)
    assert np.median([look for look in seen if look is not None]) <= looks


def test_a_late_regression_is_not_hidden_by_a_good_past() -> None:
    rng, test = np.random.default_rng(3), worse_than(0.00316)
    for look in range(120):
        test.add(0, REQUESTS, at=15 * look)
    late = 0
    while not test.rejects:
        test.add(int(rng.binomial(REQUESTS, 0.05)), REQUESTS, at=15 * (120 + late))
        late += 1
        assert late < 40


def test_one_burst_is_never_enough() -> None:
    test = worse_than(0.00316)
    test.add(REQUESTS, REQUESTS, at=0)
    assert not test.rejects


def test_without_events_there_is_no_evidence() -> None:
    worse, better = worse_than(0.01), BetterThan(0.01)
    for look in range(LOOKS):
        worse.add(0, 0, at=15 * look)
        better.add(0, 0)
    assert worse.log_e == pytest.approx(0, abs=1e-9)
    assert better.log_e == pytest.approx(0, abs=1e-9)


def test_clean_traffic_proves_a_share_under_the_trigger() -> None:
    better = BetterThan(0.01)
    better.add(0, 300)
    assert better.log_e < math.log(20)
    better.add(0, 200)
    assert better.log_e >= math.log(20)


@settings(max_examples=50)
@given(
    counts=st.lists(
        st.integers(0, 50).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))),
        min_size=1,
        max_size=30,
    )
)
def test_evidence_for_better_is_the_same_however_intervals_are_split(counts: list[tuple[int, int]]) -> None:
    apart, together = BetterThan(0.05), BetterThan(0.05)
    for bad, total in counts:
        apart.add(bad, total)
    together.add(sum(bad for bad, _ in counts), sum(total for _, total in counts))
    assert apart.log_e == pytest.approx(together.log_e, rel=1e-9, abs=1e-9)
