"""A promotion forgives as many bad events as a release at its target has now and then."""

from __future__ import annotations

import numpy as np
import pytest
from slipway.analysis.statistics.chance import is_by_chance


@pytest.mark.parametrize(
    ("bad", "total", "forgiven"),
    [
        (0, 0, True),
        (1, 100, False),  # 10 % of the releases at 0.1 % have one
        (1, 360, True),  # 30 %
        (2, 540, False),  # 10 %
        (2, 1080, True),  # 30 %
        (5, 3600, True),
        (6, 3600, False),
        (42, 36000, True),
        (43, 36000, False),
    ],
)
def test_few_events_are_judged_by_how_often_they_come(bad: int, total: int, forgiven: bool) -> None:
    assert bool(is_by_chance(np.asarray(bad), np.asarray(total), share=0.001)) is forgiven


def test_releases_at_the_target_are_forgiven_about_as_often_at_every_rate() -> None:
    rng = np.random.default_rng(3)
    for total in (2000, 5000, 20_000, 29_000, 31_000, 100_000):
        bad = rng.poisson(0.001 * total, 4000)
        assert 0.8 <= is_by_chance(bad, np.asarray(total), share=0.001).mean() <= 0.95


def test_many_releases_are_judged_as_each_alone() -> None:
    bad, total = np.array([0, 1, 1, 50]), np.array([10, 10, 400, 40_000])
    together = is_by_chance(bad, total, share=0.001)
    assert list(together) == [bool(is_by_chance(k, n, share=0.001)) for k, n in zip(bad, total, strict=True)]
