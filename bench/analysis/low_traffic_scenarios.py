"""Releases of services with little traffic. Written before the analysis was tuned for them."""

from __future__ import annotations

from bench.analysis.scenarios import Bursts, Scenario, Shape

#: P95 0.25 s.
_USUAL = Shape([(0.85, 0.06, 0.5), (0.15, 0.2, 0.35)])
_OTHER = Shape([(0.7, 0.09, 0.45), (0.3, 0.17, 0.3)])


def low_traffic() -> list[Scenario]:
    """Return the set that is reported: one latency, errors from none to many."""
    errors, slow = 0.0005, Shape([(0.85, 0.06, 0.5), (0.15, 2.5, 0.25)])
    return [
        Scenario("good: errors 0.05 %", "good", errors, _USUAL),
        Scenario("good: errors 0.02 %", "good", 0.0002, _USUAL),
        Scenario("good: errors 0.1 %, the target itself", "good", 0.001, _USUAL),
        Scenario("hold: errors 0.4 %", "hold", errors, _USUAL, bad_errors=0.004),
        Scenario("bad: errors 1 %, the trigger itself", "bad", errors, _USUAL, bad_errors=0.01),
        Scenario("bad: errors 2 %", "bad", errors, _USUAL, bad_errors=0.02),
        Scenario("bad: errors 2 % from minute 20", "bad", errors, _USUAL, bad_errors=0.02, onset=1200),
        Scenario("bad: errors 5 %", "bad", errors, _USUAL, bad_errors=0.05),
        Scenario("bad: errors 5 % from minute 40", "bad", errors, _USUAL, bad_errors=0.05, onset=2400),
        Scenario("bad: P95 2.5 s", "bad", errors, _USUAL, bad_latency=slow),
    ]


def low_traffic_held_out() -> list[Scenario]:
    """Return the set that was run once, after the tuning."""
    slow = Shape([(0.9, 0.1, 0.5), (0.1, 3.0, 0.3)])
    return [
        Scenario("good: errors 0.03 %", "good", 0.0003, _OTHER),
        Scenario("good: errors 0.06 %", "good", 0.0006, _OTHER),
        Scenario("good: 30 s bursts of 5 %", "good", 0.0003, _OTHER, bursts=Bursts(0.05, 1, 30)),
        Scenario("hold: errors 0.6 %", "hold", 0.0003, _OTHER, bad_errors=0.006),
        Scenario("bad: errors 1.5 %", "bad", 0.0003, _OTHER, bad_errors=0.015),
        Scenario("bad: errors 3 %", "bad", 0.0003, _OTHER, bad_errors=0.03),
        Scenario("bad: errors 3 % from minute 15", "bad", 0.0003, _OTHER, bad_errors=0.03, onset=900),
        Scenario("bad: errors 10 % from minute 45", "bad", 0.0003, _OTHER, bad_errors=0.1, onset=2700),
        Scenario("bad: a tenth takes 3 s", "bad", 0.0003, _OTHER, bad_latency=slow),
    ]


def between() -> list[Scenario]:
    """Return errors that stay the same, from the target up: there a part is measured, not proven."""
    return [
        Scenario(f"hold: errors {100 * share:g} %", "hold", 0.0005, _USUAL, bad_errors=share)
        for share in (0.001, 0.002, 0.00316, 0.004, 0.005)
    ]
