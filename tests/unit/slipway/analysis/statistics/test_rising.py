"""The test of a rise keeps its promise at every check, and sees a rise that others see late."""

from __future__ import annotations

import math

import numpy as np
import pytest
from slipway.analysis.statistics.rising import Rising

ALPHA, NULL, RUNS, CHECKS = 0.01, 0.0018, 1000, 240


def rising(runs: tuple[int, ...] = ()) -> Rising:
    return Rising(NULL, log_threshold=math.log(1 / ALPHA), burst=45, shape=runs)


@pytest.mark.parametrize("requests", [2, 15, 600])
@pytest.mark.parametrize("begin", [0, 60])
def test_a_share_up_to_the_null_is_hardly_ever_a_rise(requests: int, begin: int) -> None:
    rng, test, ever = np.random.default_rng(1), rising((RUNS,)), np.zeros(RUNS, dtype=bool)
    for check in range(CHECKS):
        share = NULL if check >= begin else NULL / 10
        test.add(rng.binomial(requests, share, RUNS), np.full(RUNS, requests), at=15.0 * (check + 1))
        ever |= test.rejects
    assert ever.mean() <= ALPHA + 4 * math.sqrt(ALPHA * (1 - ALPHA) / RUNS)


def test_a_share_over_the_null_breaks_the_promise() -> None:
    """The check above can fail."""
    rng, test, ever = np.random.default_rng(1), rising((RUNS,)), np.zeros(RUNS, dtype=bool)
    for check in range(CHECKS):
        test.add(rng.binomial(15, 4 * NULL, RUNS), np.full(RUNS, 15), at=15.0 * (check + 1))
        ever |= test.rejects
    assert ever.mean() > 0.1


def test_without_events_nothing_is_known() -> None:
    test = rising()
    for check in range(CHECKS):
        test.add(0, 0, at=15.0 * (check + 1))
    assert float(test.log_e) == pytest.approx(0)


def test_an_outage_of_three_blocks_is_no_rise_and_one_that_stays_is() -> None:
    test, at = rising(), 0.0
    for _ in range(20):
        at += 15
        test.add(0, 150, at=at)
    for check in range(1, 40):
        at += 15
        test.add(150, 150, at=at)
        assert check > 6 or not test.rejects
    assert test.rejects


def test_one_release_is_judged_as_among_many_and_however_often_it_is_checked() -> None:
    rng = np.random.default_rng(2)
    bad, total = rng.binomial(40, 0.01, (CHECKS, 3)), np.full((CHECKS, 3), 40)
    together, alone, seldom = rising((3,)), rising(), rising()
    for check in range(CHECKS):
        together.add(bad[check], total[check], at=15.0 * (check + 1))
        alone.add(bad[check, 1], total[check, 1], at=15.0 * (check + 1))
        if check % 2:
            pair = slice(check - 1, check + 1)
            seldom.add(bad[pair, 1].sum(), total[pair, 1].sum(), at=15.0 * (check + 1))
    assert float(alone.log_e) == pytest.approx(float(together.log_e[1]))
    assert float(seldom.log_e) == pytest.approx(float(alone.log_e))
