"""Releases of a small service whose policy sends synthetic requests. Written before the first run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from bench.analysis.scenarios import Scenario, Shape

#: P95 0.25 s.
_USUAL = Shape([(0.85, 0.06, 0.5), (0.15, 0.2, 0.35)])
_OTHER = Shape([(0.7, 0.09, 0.45), (0.3, 0.17, 0.3)])


@dataclass(frozen=True)
class Seen:
    """A release, and whose requests meet its fault.

    :param by: ``all``, ``users`` alone, or the ``synthetic`` requests alone; the others meet a good release.
    """

    scenario: Scenario
    by: Literal["all", "users", "synthetic"] = "all"


def synthetic() -> Sequence[Seen]:
    """Return the set that is reported."""
    errors, slow = 0.0005, Shape([(0.85, 0.06, 0.5), (0.15, 2.5, 0.25)])
    bad = Scenario("bad: errors 2 %", "bad", errors, _USUAL, bad_errors=0.02)
    five = Scenario("bad: errors 5 %", "bad", errors, _USUAL, bad_errors=0.05)
    late = Scenario("bad: errors 2 % from minute 20", "bad", errors, _USUAL, bad_errors=0.02, onset=1200)
    return [
        Seen(Scenario("good: errors 0.05 %", "good", errors, _USUAL)),
        Seen(Scenario("good: errors 0.02 %", "good", 0.0002, _USUAL)),
        Seen(Scenario("good: errors 0.1 %, the target itself", "good", 0.001, _USUAL)),
        Seen(Scenario("hold: errors 0.4 %", "hold", errors, _USUAL, bad_errors=0.004)),
        Seen(Scenario("bad: errors 1 %, the trigger itself", "bad", errors, _USUAL, bad_errors=0.01)),
        Seen(bad),
        Seen(bad, "users"),
        Seen(bad, "synthetic"),
        Seen(late),
        Seen(five),
        Seen(five, "users"),
        Seen(Scenario("bad: P95 2.5 s", "bad", errors, _USUAL, bad_latency=slow)),
    ]


def synthetic_held_out() -> Sequence[Seen]:
    """Return the set that was run once, afterwards."""
    errors, slow = 0.0003, Shape([(0.9, 0.1, 0.5), (0.1, 3.0, 0.3)])
    three = Scenario("bad: errors 3 %", "bad", errors, _OTHER, bad_errors=0.03)
    return [
        Seen(Scenario("good: errors 0.03 %", "good", errors, _OTHER)),
        Seen(Scenario("good: errors 0.06 %", "good", 0.0006, _OTHER)),
        Seen(Scenario("bad: errors 1.5 %", "bad", errors, _OTHER, bad_errors=0.015)),
        Seen(three),
        Seen(three, "users"),
        Seen(Scenario("bad: errors 3 % from minute 30", "bad", errors, _OTHER, bad_errors=0.03, onset=1800)),
        Seen(Scenario("bad: a tenth takes 3 s", "bad", errors, _OTHER, bad_latency=slow)),
    ]
