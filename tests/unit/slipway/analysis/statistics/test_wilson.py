"""Wilson's interval against its references."""

from __future__ import annotations

import pytest
from scipy import stats
from slipway.analysis.statistics.wilson import wilson_interval


def test_the_interval_is_wilsons() -> None:
    # R: prop.test(10, 100, correct = FALSE)$conf.int
    assert wilson_interval(10, 100, confidence=0.95) == pytest.approx((0.0552, 0.1744), abs=1e-4)
    assert wilson_interval(0, 50, confidence=0.95)[0] == 0
    assert wilson_interval(50, 50, confidence=0.95)[1] == 1


@pytest.mark.parametrize("confidence", [0.5, 0.9, 0.99])
@pytest.mark.parametrize(("successes", "trials"), [(0, 1), (1, 1), (3, 7), (1, 100_000), (40, 40)])
def test_it_is_that_of_scipy(successes: int, trials: int, confidence: float) -> None:
    expected = stats.binomtest(successes, trials).proportion_ci(confidence, "wilson")
    assert wilson_interval(successes, trials, confidence=confidence) == pytest.approx(
        tuple(expected), abs=1e-12
    )
