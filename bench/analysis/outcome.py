"""What a method made of every run of a cell."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bench.analysis.scenarios import Vector


@dataclass(frozen=True)
class Outcome:
    """Decisions, one per run.

    :param rolled_back_at: seconds after the traffic change; infinite where it was not rolled back.
    :param promoted: whether the release left the 10 % phase upwards.
    """

    rolled_back_at: Vector
    promoted: np.ndarray


def first_true(fails: np.ndarray, moments: Vector) -> Vector:
    """Return the moment of the first True per run, infinite without one.

    :param fails: one row per moment.
    :param moments: seconds, one per row.
    """
    return np.where(fails.any(axis=0), moments[fails.argmax(axis=0)], np.inf)
