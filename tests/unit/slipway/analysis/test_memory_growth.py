"""A leak is told from noise and from a cache that fills, at the strategy's figures."""

from __future__ import annotations

import numpy as np
import pytest
from slipway.analysis.memory_growth import Growth, MemoryTrend, memory_trend
from slipway.policy.release import load_policy

RULES = load_policy("release.yaml").load_test
RUNS = 20
MIB = 2**20


def hour(seed: int, *, leak: float = 0.0, cache: float = 0.0, fills_in: float = 600.0) -> MemoryTrend:
    """An instance's hour: a start that settles, allocations that come and go, and what the test adds.

    :param leak: MiB an hour.
    :param cache: MiB that a cache takes in the end.
    :param fills_in: time constant of the cache, in s.
    """
    random = np.random.default_rng(seed)
    at = np.arange(0, 3600, 15.0)
    level = 120 + 30 * (1 - np.exp(-at / 90)) + leak * at / 3600 + cache * (1 - np.exp(-at / fills_in))
    wander = np.zeros(len(at))
    for i in range(1, len(at)):
        wander[i] = 0.8 * wander[i - 1] + random.normal(0, 0.4)
    spikes = np.where(random.random(len(at)) < 0.03, random.uniform(2, 20, len(at)), 0)
    resident = np.floor((level + wander + spikes) * MIB / 4096) * 4096
    return judge(at.tolist(), resident.tolist())


def judge(at: list[float], resident: list[float]) -> MemoryTrend:
    """Judge a series by the strategy's policy."""
    return memory_trend(
        at,
        resident,
        warm_up_seconds=RULES.memory.warm_up_seconds,
        limit=RULES.memory.maximum_mib_per_hour,
        confidence=RULES.memory.confidence_percent / 100,
        fewest_readings=RULES.memory.minimum_readings,
    )


def growths(**what: float) -> list[Growth]:
    """The judgements of some hours."""
    return [hour(seed, **what).growth for seed in range(RUNS)]


def test_every_sound_hour_passes() -> None:
    assert growths() == [Growth.NONE] * RUNS


@pytest.mark.parametrize("leak", [20.0, 60.0, 3600.0])
def test_a_leak_is_caught(leak: float) -> None:
    assert growths(leak=leak).count(Growth.LEAK) >= RUNS - 1


@pytest.mark.parametrize("cache", [20.0, 60.0])
@pytest.mark.parametrize("fills_in", [300.0, 600.0])
def test_a_cache_that_fills_is_no_leak(cache: float, fills_in: float) -> None:
    found = growths(cache=cache, fills_in=fills_in)
    assert Growth.LEAK not in found
    assert found.count(Growth.UNKNOWN) <= 1


@pytest.mark.parametrize(("cache", "fills_in"), [(30.0, 1200.0), (60.0, 900.0), (60.0, 1200.0)])
def test_a_cache_that_is_not_full_in_time_is_told_by_its_curve(cache: float, fills_in: float) -> None:
    found = growths(cache=cache, fills_in=fills_in)
    assert found.count(Growth.LEAK) <= 1
    assert found.count(Growth.UNKNOWN) <= RUNS / 2


@pytest.mark.parametrize(("cache", "fills_in"), [(40.0, 300.0), (40.0, 600.0), (60.0, 1200.0)])
def test_a_leak_behind_a_cache_that_fills_never_passes(cache: float, fills_in: float) -> None:
    found = growths(leak=20, cache=cache, fills_in=fills_in)
    assert set(found) <= {Growth.LEAK, Growth.UNKNOWN}
    assert found.count(Growth.LEAK) >= (RUNS - 1 if fills_in != 600 else RUNS / 2)


def test_a_cache_that_fills_more_slowly_than_the_load_shows_never_passes() -> None:
    assert set(growths(cache=60, fills_in=1800)) <= {Growth.LEAK, Growth.UNKNOWN}


def test_too_few_readings_show_nothing() -> None:
    assert judge([0.0, 3000.0], [1.0, 1.0]) == MemoryTrend(Growth.UNKNOWN)
    assert judge([], []).slope is None


def test_readings_of_the_warm_up_alone_show_nothing() -> None:
    assert judge([float(n) for n in range(500)], [1.0] * 500).slope is None
