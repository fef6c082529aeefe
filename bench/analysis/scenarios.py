"""What is released: one scenario. The sets: ``known_scenarios``, ``reporting_scenarios``."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]
Kind = Literal["good", "hold", "bad"]

#: Upper edges of the latency histogram, seconds; the last bucket is open.
EDGES = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 7.5, 10.0, 20.0)
TICK_SECONDS = 15
TICKS = 240


@dataclass(frozen=True)
class Shape:
    """A latency distribution: a mixture of lognormals.

    :param modes: weight, median in seconds, sigma of the logarithm.
    """

    modes: Sequence[tuple[float, float, float]]

    def over(self, seconds: float) -> float:
        """Share of requests slower than this."""
        return 1 - sum(
            weight * 0.5 * (1 + math.erf(math.log(seconds / median) / sigma / math.sqrt(2)))
            for weight, median, sigma in self.modes
        )

    def buckets(self) -> Vector:
        """Probability of each bucket of ``EDGES``, the open one last."""
        over = np.array([1.0, *(self.over(edge) for edge in EDGES), 0.0])
        return np.asarray(over[:-1] - over[1:])


@dataclass(frozen=True)
class Bursts:
    """Errors that come together.

    :param share: error share during a burst.
    :param per_hour: how many bursts begin in an hour.
    :param seconds: mean length of a burst.
    :param is_geometric: whether the length is random (geometric); otherwise it is fixed.
    :param both: whether a burst hits both revisions at once.
    """

    share: float
    per_hour: float
    seconds: float
    both: bool = False
    is_geometric: bool = False


@dataclass(frozen=True)
class Scenario:
    """One release.

    :param kind: what the policy wants: ``good`` is to be promoted, ``hold`` lies between target and trigger,
        ``bad`` is over the trigger.
    :param errors: error share of stable, and of the canary before the onset.
    :param latency: latency of stable, and of the canary before the onset.
    :param bad_errors: error share of the canary from the onset on, where it differs.
    :param bad_latency: latency of the canary from the onset on, where it differs.
    :param ramp: error share as a function of the part of the phase since the onset, instead of
        ``bad_errors``.
    :param onset: seconds after the traffic change at which the canary becomes what it is.
    :param outage: begin, end in seconds and error share of an outage that hits both revisions.
    :param outage_latency: latency of both revisions during the outage.
    :param icc: intra-class correlation of the errors of one tick (beta-binomial); 0 is independent.
    """

    name: str
    kind: Kind
    errors: float
    latency: Shape
    bad_errors: float | None = None
    bad_latency: Shape | None = None
    ramp: Callable[[float], float] | None = None
    onset: float = 0.0
    outage: tuple[float, float, float] | None = None
    outage_latency: Shape | None = None
    bursts: Bursts | None = None
    icc: float = 0.0

    @property
    def is_independent(self) -> bool:
        """Whether the bad events are independent at a constant share, as the bound on the delay assumes."""
        return self.kind == "bad" and self.ramp is None and not self.icc and self.bursts is None
