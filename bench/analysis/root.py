"""Brent's root finder for many functions at once (R. P. Brent, 1973, chapter 4)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from bench.analysis.scenarios import Vector

_MOST = 100


def roots(
    function: Callable[[Vector, np.ndarray], Vector], low: Vector, high: Vector, *, tolerance: float
) -> Vector:
    """Find where a falling function crosses zero, one per row; an end of the interval where it does not.

    :param function: takes points and the rows they belong to.
    :param low: lower ends.
    :param high: upper ends.
    :param tolerance: absolute tolerance.
    """
    rows = np.arange(len(low))
    at_low, at_high = function(low, rows), function(high, rows)
    found = np.where(at_low <= 0, low, high)
    live = rows[(at_low > 0) & (at_high < 0)]
    a, b, fa, fb = low[live], high[live], at_low[live], at_high[live]
    c, fc = a.copy(), fa.copy()
    for _ in range(_MOST):
        if not live.size:
            break
        previous = b - a
        swap = np.abs(fc) < np.abs(fb)
        a, b, c = np.where(swap, b, a), np.where(swap, c, b), np.where(swap, b, c)
        fa, fb, fc = np.where(swap, fb, fa), np.where(swap, fc, fb), np.where(swap, fb, fc)
        least = 2 * np.finfo(float).eps * np.abs(b) + tolerance / 2
        half = (c - b) / 2
        done = (np.abs(half) <= least) | (fb == 0)
        found[live[done]] = b[done]
        keep = ~done
        live, a, b, c, fa, fb, fc = (v[keep] for v in (live, a, b, c, fa, fb, fc))
        previous, least, half = previous[keep], least[keep], half[keep]
        if not live.size:
            break
        step = _step(a, b, c, fa, fb, fc, previous, least, half)
        a, fa = b, fb
        b = b + step
        fb = function(b, live)
        same = np.sign(fb) * np.sign(fc) > 0
        c, fc = np.where(same, a, c), np.where(same, fa, fc)
    found[live] = b
    return found


def _step(
    a: Vector,
    b: Vector,
    c: Vector,
    fa: Vector,
    fb: Vector,
    fc: Vector,
    previous: Vector,
    least: Vector,
    half: Vector,
) -> Vector:
    """Interpolate where that is safe, otherwise halve."""
    with np.errstate(invalid="ignore", divide="ignore"):
        span = c - b
        r, s, t = fa / fc, fb / fc, fb / fa
        linear = a == c
        p = np.where(linear, span * t, t * (span * r * (r - s) - (b - a) * (s - 1)))
        q = np.where(linear, 1 - t, (r - 1) * (s - 1) * (t - 1))
        q, p = np.where(p > 0, -q, q), np.abs(p)
        safe = (
            (np.abs(previous) >= least)
            & (np.abs(fa) > np.abs(fb))
            & (p < 0.75 * span * q - np.abs(least * q) / 2)
            & (p < np.abs(previous * q / 2))
        )
        step = np.where(safe, p / q, half)
    return np.where(np.abs(step) < least, np.where(step > 0, least, -least), step)
