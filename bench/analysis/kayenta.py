"""Kayenta's judge: Mann-Whitney on one point a minute, canary against the production arm.

Confidence 0.98 and tolerance 0.25 after ``NetflixACAJudge.scala``; "high" when the lower end of the interval
is over a quarter of the estimated difference, after ``MannWhitneyClassifier.scala``; the interval by
inverting the test with continuity and tie correction (as R's ``wilcox.test``) after ``MannWhitney.scala``,
with absolute tolerance 1e-4 after ``BrentSolver.java``; the score is the share of metrics that pass, after
``WeightedSumScorer.scala``; pass 95, marginal 75 after ``docs/canary-config.md``. Metrics: error percent and
P95 seconds, direction increase. Points without requests are removed (``nanStrategy: remove``).
"""

from __future__ import annotations

import numpy as np

from bench.analysis.outcome import Outcome
from bench.analysis.root import roots
from bench.analysis.scenarios import Vector
from bench.analysis.traffic import Arm, Traffic, quantile

#: Normal quantile of the upper end of a 98 % interval.
_Z = 2.3263478740408408
_TOLERANCE = 0.25
_MARGINAL = 75


def hourly(traffic: Traffic) -> Outcome:
    """Judge once, on an hour of minutes: the documentation asks for at least 50 points."""
    return _judge(traffic, every=60)


def every_ten_minutes(traffic: Traffic) -> Outcome:
    """Judge every ten minutes on all points so far; the first failure ends it."""
    return _judge(traffic, every=10)


def _judge(traffic: Traffic, *, every: int) -> Outcome:
    canary, production = _points(traffic.canary.minutes), _points(traffic.stable.minutes)
    runs = canary[0].shape[0]
    rolled_back = np.full(runs, np.inf)
    for minutes in range(every, 61, every):
        left = np.flatnonzero(np.isinf(rolled_back))
        passes = [
            ~is_high(x[left, :minutes], y[left, :minutes]) for x, y in zip(canary, production, strict=True)
        ]
        score = 100 * np.mean(passes, axis=0)
        rolled_back[left[score <= _MARGINAL]] = 60.0 * minutes
    return Outcome(rolled_back, np.isinf(rolled_back))


def _points(arm: Arm) -> list[Vector]:
    with np.errstate(invalid="ignore"):
        errors = 100 * arm.errors / arm.total
    return [errors.T, quantile(arm.buckets, 95).T]


def is_high(experiment: Vector, control: Vector) -> np.ndarray:
    """Say per run whether the experiment's points are higher.

    :param experiment: one row of points per run; NaN is left out.
    :param control: the same of the baseline.
    """
    lower = _shift(experiment, control, _Z)
    high = lower > 0
    candidates = np.flatnonzero(high)
    if candidates.size:
        estimate = _shift(experiment[candidates], control[candidates], 0.0)
        high[candidates] = lower[candidates] > _TOLERANCE * np.abs(estimate)
    return high


def _shift(x: Vector, y: Vector, quantile_z: float) -> Vector:
    """Return the shift of x against y at which the test statistic is ``quantile_z``."""
    with np.errstate(invalid="ignore"):
        low = np.nanmin(x, axis=1) - np.nanmax(y, axis=1)
        high = np.nanmax(x, axis=1) - np.nanmin(y, axis=1)

    def difference(shift: Vector, rows: np.ndarray) -> Vector:
        return _statistic(x[rows] - shift[:, None], y[rows], is_corrected=quantile_z != 0) - quantile_z

    return roots(difference, low, high, tolerance=1e-4)


def _statistic(x: Vector, y: Vector, *, is_corrected: bool) -> Vector:
    """Standardised rank sum, with ties and, where requested, continuity corrected."""
    has_x, has_y = ~np.isnan(x), ~np.isnan(y)
    n_x, n_y = has_x.sum(axis=1), has_y.sum(axis=1)
    both = np.sort(np.concatenate([x, y], axis=1), axis=1)
    ranked_y = np.sort(y, axis=1)
    rank_sum = _pairs_over(x, ranked_y, has_x) - n_x * n_y / 2
    n = n_x + n_y
    sigma = np.sqrt(n_x * n_y / 12 * ((n + 1) - _ties(both) / (n * (n - 1))))
    correction = 0.5 * np.sign(rank_sum) if is_corrected else 0.0
    with np.errstate(invalid="ignore", divide="ignore"):
        statistic = (rank_sum - correction) / sigma
    return np.where(sigma > 0, statistic, 0.0)


def _pairs_over(x: Vector, y: Vector, has_x: np.ndarray) -> Vector:
    """Return per row how many of the pairs x wins; a draw is half a win."""
    points, halves = np.ascontiguousarray(x.T), np.zeros(x.T.shape, dtype=np.int16)
    for value in np.ascontiguousarray(y.T):
        halves += points > value
        halves += points >= value
    return np.asarray(halves.sum(axis=0, dtype=np.int64) / 2)


def _ties(ranked: Vector) -> Vector:
    """Return the sum of t**3 - t over groups of t equal values per row; NaN equals nothing."""
    rows, columns = ranked.shape
    begins = np.ones((rows, columns), dtype=bool)
    begins[:, 1:] = ranked[:, 1:] != ranked[:, :-1]
    starts = np.flatnonzero(begins)
    sizes = np.diff(np.append(starts, rows * columns)).astype(float)
    per_row = np.bincount(starts // columns, weights=sizes**3 - sizes, minlength=rows)
    return per_row.astype(np.float64)
