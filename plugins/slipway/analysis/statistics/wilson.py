"""Wilson's interval of a share."""

from __future__ import annotations

import math
from statistics import NormalDist


def wilson_interval(successes: float, trials: float, *, confidence: float) -> tuple[float, float]:
    """Return how far a counted share may be from the true one.

    Source: Wilson (1927); see Brown, Cai and DasGupta, Statistical Science 16 (2001). In closed form, because
    a plot needs thousands of them: ``scipy.stats.binomtest`` tests a hypothesis for each.

    :param successes: at most ``trials``; extrapolated counters are no whole numbers.
    :param trials: more than 0.
    :param confidence: two-sided, 0..1.
    :return: lower and upper end, 0..1.
    """
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    share = successes / trials
    middle = share + z * z / (2 * trials)
    half = z * math.sqrt(share * (1 - share) / trials + z * z / (4 * trials**2))
    scale = 1 + z * z / trials
    low, high = max(0.0, (middle - half) / scale), min(1.0, (middle + half) / scale)
    return (0.0 if successes == 0 else low), (1.0 if successes == trials else high)
