"""Forecast intervals of a KPI at a future date, by textbook methods.

Each function names the source of its formula. None of them knows about weekdays: the first week's forecasts
are rough, and their intervals wide.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from slipway.analysis.statistics.wilson import wilson_interval


@dataclass(frozen=True)
class Interval:
    """A forecast.

    :param point: value if the trend continues.
    :param low: lower end.
    :param high: upper end.
    """

    point: float
    low: float
    high: float

    def scaled(self, factor: float, offset: float) -> Interval:
        """Return ``factor * x + offset`` of it, for a positive factor."""
        return Interval(
            *(float(factor * value + offset) for value in (self.point, self.low, self.high)),
        )


def drift(start: float, steps: Sequence[float], ahead: int, confidence: float) -> Interval:
    """Forecast a random walk with drift.

    Source: Hyndman and Athanasopoulos, Forecasting: Principles and Practice (3rd ed.), sections 5.2 and 5.5,
    drift method: standard error ``s * sqrt(h * (1 + h / k))`` for ``h`` days ahead from ``k`` steps, with
    Student's t of ``k - 1`` degrees of freedom. For independent daily amounts it is the prediction interval
    of their sum (Hahn and Meeker, Statistical Intervals, section 4.7).

    :param start: value now.
    :param steps: the daily changes so far, at least two.
    :param ahead: days to go, 0 or more.
    :param confidence: 0..1.
    """
    count = len(steps)
    mean, deviation = float(np.mean(steps)), float(np.std(steps, ddof=1))
    half = stats.t.ppf((1 + confidence) / 2, count - 1) * deviation * math.sqrt(ahead * (1 + ahead / count))
    point = start + ahead * mean
    return Interval(point, float(point - half), float(point + half))


def counts(total: int, days: int, ahead: int, confidence: float) -> Interval:
    """Forecast the sum of a daily count.

    Source: predictive distribution of a Poisson rate under Jeffreys' prior, a negative binomial with
    ``total + 1/2`` and ``days / (days + ahead)`` (Gelman et al., Bayesian Data Analysis, section 2.6).
    The point is the pace so far, so that no events so far forecast none.

    :param total: counted so far, in ``days`` days.
    :param days: at least 1.
    :param ahead: days to go, 0 or more.
    :param confidence: 0..1.
    """
    if ahead == 0:
        return Interval(total, total, total)
    tail = (1 - confidence) / 2
    low, high = stats.nbinom.ppf([tail, 1 - tail], total + 0.5, days / (days + ahead))
    return Interval(total + total / days * ahead, total + float(low), total + float(high))


def share(successes: int, trials: int, confidence: float) -> Interval:
    """Return a share of counted events, 0..1, with Wilson's interval.

    :param successes: at most ``trials``.
    :param trials: at least 1.
    :param confidence: 0..1.
    :return: the share as the point.
    """
    return Interval(successes / trials, *wilson_interval(successes, trials, confidence=confidence))


def ratio(numerators: Sequence[float], denominators: Sequence[float], confidence: float) -> Interval:
    """Return the ratio of two daily amounts over all days.

    Source: ratio estimator by linearization (Cochran, Sampling Techniques, section 6.4), days as the sample:
    ``se = sqrt(k / (k - 1) * sum((N - R * D)^2)) / sum(D)``, Student's t of ``k - 1`` degrees of freedom.

    :param numerators: one per day, at least two.
    :param denominators: one per day; their sum is not 0.
    :param confidence: 0..1.
    """
    above, below = np.asarray(numerators, dtype=float), np.asarray(denominators, dtype=float)
    days, whole = len(above), float(below.sum())
    point = float(above.sum()) / whole
    error = math.sqrt(days / (days - 1) * float(np.sum((above - point * below) ** 2))) / abs(whole)
    half = float(stats.t.ppf((1 + confidence) / 2, days - 1)) * error
    return Interval(point, point - half, point + half)


def relative_increase(now: tuple[int, int], before: tuple[int, int], confidence: float) -> Interval:
    """Return by how much one share is above another, as a fraction of the other.

    Source: Katz et al., Biometrics 34 (1978): a normal interval of the logarithm of the ratio. Without a
    success now there is no logarithm: the upper end is then Wilson's, over the share before.

    :param now: successes and trials, at least one trial.
    :param before: the same of the time that it is compared with; at least one success.
    :param confidence: 0..1.
    """
    if now[0] == 0:
        most = share(*now, confidence).high / (before[0] / before[1])
        return Interval(-1.0, -1.0, most - 1)
    risk = stats.contingency.relative_risk(*now, *before)
    found = risk.confidence_interval(confidence_level=confidence)
    return Interval(float(risk.relative_risk) - 1, float(found.low) - 1, float(found.high) - 1)
