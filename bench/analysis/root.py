"""Roots of many functions at once."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.optimize.elementwise import find_root

from bench.analysis.scenarios import Vector


def roots(
    function: Callable[[Vector, np.ndarray], Vector], low: Vector, high: Vector, *, tolerance: float
) -> Vector:
    """Find where a falling function crosses zero, one per row; an end of the interval where it does not.

    :param function: takes points and the rows they belong to.
    :param low: lower ends.
    :param high: upper ends.
    :param tolerance: absolute tolerance.
    :return: one root per row.
    """
    rows = np.arange(len(low))
    with np.errstate(invalid="ignore"):
        found = find_root(
            lambda x, row: function(x, row.astype(int)),
            (low, high),
            args=(rows,),
            tolerances={"xatol": tolerance, "xrtol": 0, "fatol": 0, "frtol": 0},
        )
    return np.where(found.success, found.x, np.where(function(low, rows) <= 0, low, high))
