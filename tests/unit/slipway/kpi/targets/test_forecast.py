"""Forecast intervals: against numbers worked out elsewhere, and how often they hold what they promise."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import pytest
from slipway.kpi.targets import forecast

RUNS = 2000
# Of 2000 intervals that hold with 90 %, fewer than 1757 or more than 1843 do once in 700 tries.
EXPECTED = pytest.approx(0.9, abs=0.0215)


def covered(intervals: list[forecast.Interval], truths: list[float]) -> float:
    inside = [one.low <= truth <= one.high for one, truth in zip(intervals, truths, strict=True)]
    return float(np.mean(inside))


def test_drift_by_hand() -> None:
    # s = 1, k = 3, h = 2: 1 * sqrt(2 * (1 + 2 / 3)) = 1.825742; t(0.95, 2) = 2.919986.
    found = forecast.drift(10, [1, 2, 3], 2, 0.9)
    assert found.point == 14
    assert found.high - found.point == pytest.approx(1.825742 * 2.919986, abs=1e-4)
    assert found.point - found.low == pytest.approx(found.high - found.point)
    done = forecast.drift(10, [1, 2, 3], 0, 0.9)
    assert (done.low, done.point, done.high) == (10, 10, 10)


def test_drift_holds_as_often_as_it_says() -> None:
    dice = np.random.default_rng(7)
    intervals, truths = [], []
    for _ in range(RUNS):
        days = dice.normal(100, 30, 12)
        intervals.append(forecast.drift(float(days[:5].sum()), list(days[:5]), 7, 0.9))
        truths.append(float(days.sum()))
    assert covered(intervals, truths) == EXPECTED


@pytest.mark.parametrize("rate", [0.2, 1.5, 20])
def test_counts_hold_at_least_as_often_as_they_say(rate: float) -> None:
    dice = np.random.default_rng(11)
    interval = cache(lambda total: forecast.counts(total, 5, 7, 0.9))
    intervals, truths = [], []
    for _ in range(RUNS):
        days = dice.poisson(rate, 12)
        intervals.append(interval(int(days[:5].sum())))
        truths.append(float(days.sum()))
    # Counts are whole: an interval of them holds a little more often.
    assert 0.8785 <= covered(intervals, truths) <= 0.985


def test_nothing_counted_promises_nothing_and_excludes_nothing() -> None:
    found = forecast.counts(0, 3, 4, 0.9)
    assert (found.point, found.low) == (0, 0)
    assert found.high >= 2
    assert forecast.counts(5, 7, 0, 0.9) == forecast.Interval(5, 5, 5)


def test_wilson_by_hand() -> None:
    # z = 1.644854, n = 10, p = 0.9: (p + z2/2n -+ z sqrt(p(1-p)/n + z2/4n2)) / (1 + z2/n)
    z = 1.6448536269514722
    center = 0.9 + z * z / 20
    half = z * math.sqrt(0.9 * 0.1 / 10 + z * z / 400)
    found = forecast.share(9, 10, 0.9)
    assert found.point == 0.9
    assert found.low == pytest.approx((center - half) / (1 + z * z / 10))
    assert found.high == pytest.approx((center + half) / (1 + z * z / 10))
    assert forecast.share(5, 5, 0.9).low < 0.8


def test_ratio_holds_about_as_often_as_it_says() -> None:
    dice = np.random.default_rng(13)
    intervals = []
    for _ in range(RUNS):
        below = dice.uniform(50, 150, 20)
        above = 0.2 * below + dice.normal(0, 5, 20)
        intervals.append(forecast.ratio(list(above), list(below), 0.9))
    # Linearization is a little short for few days.
    assert 0.87 <= covered(intervals, [0.2] * RUNS) <= 0.92


def test_a_constant_ratio_is_certain() -> None:
    found = forecast.ratio([2, 4, 6], [10, 20, 30], 0.9)
    assert (found.low, found.point, found.high) == pytest.approx((0.2, 0.2, 0.2))


def test_relative_increase_by_hand() -> None:
    # log(1.5) -+ 1.644854 * sqrt(1/30 - 1/200 + 1/20 - 1/200)
    half = 1.6448536269514722 * math.sqrt(1 / 30 - 1 / 200 + 1 / 20 - 1 / 200)
    found = forecast.relative_increase((30, 200), (20, 200), 0.9)
    assert found.point == pytest.approx(0.5)
    assert found.low == pytest.approx(1.5 * math.exp(-half) - 1)
    assert found.high == pytest.approx(1.5 * math.exp(half) - 1)


def test_no_success_now_is_a_decrease_of_unknown_size() -> None:
    found = forecast.relative_increase((0, 20), (10, 100), 0.9)
    assert (found.point, found.low) == (-1, -1)
    assert found.high > 0
