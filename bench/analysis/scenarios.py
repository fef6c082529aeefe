"""What is released: four sets of scenarios.

``tuning``: the alternatives, weights, stakes and limits of :mod:`slipway.analysis.worse` were chosen on it.
``validation`` and ``second validation``: other latency shapes, burst structures and onsets; the limits on
late spells and ``trailing_seconds`` were set after their false rollbacks were seen: neither is independent.
``reporting``: written before the present design was first run, and not looked at while it was chosen.
"""

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


def _tuning() -> list[Scenario]:
    """Lognormal latency, short independent bursts, regressions from the start."""
    errors = 0.0005
    fast, held = Shape([(1, 0.067, 0.8)]), Shape([(1, 0.4828, 0.8)])
    mild, severe = Shape([(1, 0.67, 0.8)]), Shape([(1, 1.34, 0.8)])
    return [
        Scenario("good", "good", errors, fast),
        Scenario("good, errors of a tick correlated (ICC 0.02)", "good", errors, fast, icc=0.02),
        Scenario("good, 15 s bursts of 10 %", "good", errors, fast, bursts=Bursts(0.1, 1, 15)),
        Scenario("good, the same bursts in both", "good", errors, fast, bursts=Bursts(0.1, 1, 15, both=True)),
        Scenario(
            "good, outage of both: 5 %, minutes 10 to 25", "good", errors, fast, outage=(600, 1500, 0.05)
        ),
        Scenario("hold: errors 0.5 %", "hold", errors, fast, bad_errors=0.005),
        Scenario("hold: P95 1.8 s", "hold", errors, fast, bad_latency=held),
        Scenario("bad: errors 2 %", "bad", errors, fast, bad_errors=0.02),
        Scenario("bad: errors 5 %", "bad", errors, fast, bad_errors=0.05),
        Scenario("bad: errors 20 %", "bad", errors, fast, bad_errors=0.2),
        Scenario("bad: errors 5 % from minute 30", "bad", errors, fast, bad_errors=0.05, onset=1800),
        Scenario("bad: P95 2.5 s", "bad", errors, fast, bad_latency=mild),
        Scenario("bad: P95 5 s", "bad", errors, fast, bad_latency=severe),
        Scenario(
            "bad: ramp to 5 % in an hour", "bad", errors, fast, ramp=lambda part: 0.0005 + 0.0495 * part
        ),
    ]


def _validation() -> list[Scenario]:
    """Two-mode latency, longer bursts of random length, regressions that begin later."""
    errors = 0.0003
    good = Shape([(0.96, 0.12, 0.35), (0.04, 0.35, 0.3)])
    held = Shape([(0.92, 0.12, 0.35), (0.08, 1.76, 0.3)])
    mild = Shape([(0.91, 0.12, 0.35), (0.09, 2.607, 0.3)])
    severe = Shape([(0.88, 0.12, 0.35), (0.12, 4.694, 0.3)])
    rough = Bursts(0.008, 4, 60, is_geometric=True)
    return [
        Scenario("good", "good", errors, good),
        Scenario("good, rough spells of 0.8 % (60 s, 4 an hour)", "good", errors, good, bursts=rough),
        Scenario(
            "good, 45 s bursts of 4 %", "good", errors, good, bursts=Bursts(0.04, 1, 45, is_geometric=True)
        ),
        Scenario(
            "good, the same bursts in both",
            "good",
            errors,
            good,
            bursts=Bursts(0.04, 1, 45, both=True, is_geometric=True),
        ),
        Scenario(
            "good, outage of both: 12 % and slow, minutes 37 to 45",
            "good",
            errors,
            good,
            outage=(2220, 2700, 0.12),
            outage_latency=severe,
        ),
        Scenario("hold: errors 0.6 %", "hold", errors, good, bad_errors=0.006),
        Scenario("hold: P95 1.6 s", "hold", errors, good, bad_latency=held),
        Scenario("bad: errors 2 %", "bad", errors, good, bad_errors=0.02, onset=420),
        Scenario("bad: errors 5 %", "bad", errors, good, bad_errors=0.05, onset=780),
        Scenario("bad: errors 20 %", "bad", errors, good, bad_errors=0.2, onset=1320),
        Scenario("bad: errors 5 %, correlated (ICC 0.05)", "bad", errors, good, bad_errors=0.05, icc=0.05),
        Scenario("bad: P95 2.5 s", "bad", errors, good, bad_latency=mild, onset=600),
        Scenario("bad: P95 5 s", "bad", errors, good, bad_latency=severe, onset=960),
        Scenario(
            "bad: convex ramp to 6 % from minute 5",
            "bad",
            errors,
            good,
            ramp=lambda part: 0.0003 + 0.06 * part**2,
            onset=300,
        ),
    ]


def _second_validation() -> list[Scenario]:
    """One narrow latency mode, fixed bursts and long weak spells, outages of other lengths."""
    errors = 0.0003
    good, held = Shape([(1, 0.18, 0.5)]), Shape([(1, 0.7467, 0.5)])
    mild, severe = Shape([(1, 1.098, 0.5)]), Shape([(1, 2.197, 0.5)])
    weak = Bursts(0.012, 2, 90, is_geometric=True)
    return [
        Scenario("good", "good", errors, good),
        Scenario("good, weak spells of 1.2 % (90 s, 2 an hour)", "good", errors, good, bursts=weak),
        Scenario("good, 30 s bursts of 6 %", "good", errors, good, bursts=Bursts(0.06, 1, 30)),
        Scenario(
            "good, the same bursts in both", "good", errors, good, bursts=Bursts(0.06, 1, 30, both=True)
        ),
        Scenario(
            "good, outage of both: 8 %, minutes 20 to 30", "good", errors, good, outage=(1200, 1800, 0.08)
        ),
        Scenario(
            "good, outage of both: 50 % and slow, minutes 50 to 52",
            "good",
            errors,
            good,
            outage=(3000, 3120, 0.5),
            outage_latency=severe,
        ),
        Scenario("hold: errors 0.4 %", "hold", errors, good, bad_errors=0.004),
        Scenario("hold: P95 1.7 s", "hold", errors, good, bad_latency=held),
        Scenario("bad: errors 2 %", "bad", errors, good, bad_errors=0.02),
        Scenario("bad: errors 2 % from second 150", "bad", errors, good, bad_errors=0.02, onset=150),
        Scenario("bad: errors 5 % from minute 17", "bad", errors, good, bad_errors=0.05, onset=1020),
        Scenario("bad: errors 20 % from minute 33", "bad", errors, good, bad_errors=0.2, onset=1980),
        Scenario("bad: errors 5 %, correlated (ICC 0.03)", "bad", errors, good, bad_errors=0.05, icc=0.03),
        Scenario("bad: P95 2.5 s from minute 5", "bad", errors, good, bad_latency=mild, onset=300),
        Scenario("bad: P95 5 s from minute 12", "bad", errors, good, bad_latency=severe, onset=720),
        Scenario(
            "bad: ramp to 4 % in 20 minutes from minute 15",
            "bad",
            errors,
            good,
            ramp=lambda part: 0.0003 + 0.0397 * min(1.0, 3 * part),
            onset=900,
        ),
    ]


def _reporting() -> list[Scenario]:
    """Another two-mode latency, strong single looks, longer spells, regressions from the start and later."""
    errors = 0.0004
    good = Shape([(0.9, 0.09, 0.4), (0.1, 0.3, 0.4)])
    held = Shape([(0.9, 0.09, 0.4), (0.1, 1.75, 0.25)])
    mild = Shape([(0.92, 0.09, 0.4), (0.08, 2.795, 0.35)])
    severe = Shape([(0.8, 0.09, 0.4), (0.2, 3.57, 0.5)])
    spells = Bursts(0.02, 1, 75, is_geometric=True)
    shared = Bursts(0.03, 2, 60, both=True, is_geometric=True)
    return [
        Scenario("good", "good", errors, good),
        Scenario("good, errors of a tick correlated (ICC 0.01)", "good", errors, good, icc=0.01),
        Scenario("good, spells of 2 % (75 s, 1 an hour)", "good", errors, good, bursts=spells),
        Scenario("good, 15 s bursts of 25 %", "good", errors, good, bursts=Bursts(0.25, 1, 15)),
        Scenario("good, 60 s bursts of 3 % in both", "good", errors, good, bursts=shared),
        Scenario(
            "good, outage of both: 3 %, minutes 30 to 42", "good", errors, good, outage=(1800, 2520, 0.03)
        ),
        Scenario(
            "good, outage of both: 30 % and slow, minutes 5 to 8",
            "good",
            errors,
            good,
            outage=(300, 480, 0.3),
            outage_latency=severe,
        ),
        Scenario("hold: errors 0.45 %", "hold", errors, good, bad_errors=0.0045),
        Scenario("hold: P95 1.75 s", "hold", errors, good, bad_latency=held),
        Scenario("bad: errors 2 %", "bad", errors, good, bad_errors=0.02),
        Scenario("bad: errors 5 %", "bad", errors, good, bad_errors=0.05),
        Scenario("bad: errors 20 %", "bad", errors, good, bad_errors=0.2),
        Scenario("bad: errors 2 % from minute 12", "bad", errors, good, bad_errors=0.02, onset=720),
        Scenario("bad: errors 5 % from minute 40", "bad", errors, good, bad_errors=0.05, onset=2400),
        Scenario("bad: errors 20 % from minute 7", "bad", errors, good, bad_errors=0.2, onset=420),
        Scenario("bad: errors 5 %, correlated (ICC 0.02)", "bad", errors, good, bad_errors=0.05, icc=0.02),
        Scenario("bad: P95 2.5 s", "bad", errors, good, bad_latency=mild),
        Scenario("bad: P95 2.5 s from minute 20", "bad", errors, good, bad_latency=mild, onset=1200),
        Scenario("bad: P95 5 s", "bad", errors, good, bad_latency=severe),
        Scenario(
            "bad: ramp to 6 % in 30 minutes from minute 3",
            "bad",
            errors,
            good,
            ramp=lambda part: 0.0004 + 0.0596 * min(1.0, 2 * part),
            onset=180,
        ),
    ]


SETS = {
    "tuning": _tuning(),
    "validation": _validation(),
    "second validation": _second_validation(),
    "reporting": _reporting(),
}
