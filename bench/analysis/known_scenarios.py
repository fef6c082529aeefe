"""The sets that were used while the analysis was designed.

``tuning``: the alternatives, weights, stakes and limits of
:mod:`slipway.analysis.statistics.worse_than` were chosen on it.
``validation``: other latency shapes, burst structures and onsets, three batches. The limits on late spells,
``late_window_seconds`` and ``min_excess_seconds`` were set after its false rollbacks were seen: it is not
independent.
"""

from __future__ import annotations

from bench.analysis.scenarios import Bursts, Scenario, Shape


def tuning() -> list[Scenario]:
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


def _first() -> list[Scenario]:
    """Two-mode latency, longer bursts of random length, regressions that begin later."""
    errors = 0.0003
    good = Shape([(0.96, 0.12, 0.35), (0.04, 0.35, 0.3)])
    held = Shape([(0.92, 0.12, 0.35), (0.08, 1.76, 0.3)])
    mild = Shape([(0.91, 0.12, 0.35), (0.09, 2.607, 0.3)])
    severe = Shape([(0.88, 0.12, 0.35), (0.12, 4.694, 0.3)])
    rough = Bursts(0.008, 4, 60, is_geometric=True)
    return [
        Scenario("a good", "good", errors, good),
        Scenario("a good, rough spells of 0.8 % (60 s, 4 an hour)", "good", errors, good, bursts=rough),
        Scenario(
            "a good, 45 s bursts of 4 %", "good", errors, good, bursts=Bursts(0.04, 1, 45, is_geometric=True)
        ),
        Scenario(
            "a good, the same bursts in both",
            "good",
            errors,
            good,
            bursts=Bursts(0.04, 1, 45, both=True, is_geometric=True),
        ),
        Scenario(
            "a good, outage of both: 12 % and slow, minutes 37 to 45",
            "good",
            errors,
            good,
            outage=(2220, 2700, 0.12),
            outage_latency=severe,
        ),
        Scenario("a hold: errors 0.6 %", "hold", errors, good, bad_errors=0.006),
        Scenario("a hold: P95 1.6 s", "hold", errors, good, bad_latency=held),
        Scenario("a bad: errors 2 %", "bad", errors, good, bad_errors=0.02, onset=420),
        Scenario("a bad: errors 5 %", "bad", errors, good, bad_errors=0.05, onset=780),
        Scenario("a bad: errors 20 %", "bad", errors, good, bad_errors=0.2, onset=1320),
        Scenario("a bad: errors 5 %, correlated (ICC 0.05)", "bad", errors, good, bad_errors=0.05, icc=0.05),
        Scenario("a bad: P95 2.5 s", "bad", errors, good, bad_latency=mild, onset=600),
        Scenario("a bad: P95 5 s", "bad", errors, good, bad_latency=severe, onset=960),
        Scenario(
            "a bad: convex ramp to 6 % from minute 5",
            "bad",
            errors,
            good,
            ramp=lambda part: 0.0003 + 0.06 * part**2,
            onset=300,
        ),
    ]


def _second() -> list[Scenario]:
    """One narrow latency mode, fixed bursts and long weak spells, outages of other lengths."""
    errors = 0.0003
    good, held = Shape([(1, 0.18, 0.5)]), Shape([(1, 0.7467, 0.5)])
    mild, severe = Shape([(1, 1.098, 0.5)]), Shape([(1, 2.197, 0.5)])
    weak = Bursts(0.012, 2, 90, is_geometric=True)
    return [
        Scenario("b good", "good", errors, good),
        Scenario("b good, weak spells of 1.2 % (90 s, 2 an hour)", "good", errors, good, bursts=weak),
        Scenario("b good, 30 s bursts of 6 %", "good", errors, good, bursts=Bursts(0.06, 1, 30)),
        Scenario(
            "b good, the same bursts in both", "good", errors, good, bursts=Bursts(0.06, 1, 30, both=True)
        ),
        Scenario(
            "b good, outage of both: 8 %, minutes 20 to 30", "good", errors, good, outage=(1200, 1800, 0.08)
        ),
        Scenario(
            "b good, outage of both: 50 % and slow, minutes 50 to 52",
            "good",
            errors,
            good,
            outage=(3000, 3120, 0.5),
            outage_latency=severe,
        ),
        Scenario("b hold: errors 0.4 %", "hold", errors, good, bad_errors=0.004),
        Scenario("b hold: P95 1.7 s", "hold", errors, good, bad_latency=held),
        Scenario("b bad: errors 2 %", "bad", errors, good, bad_errors=0.02),
        Scenario("b bad: errors 2 % from second 150", "bad", errors, good, bad_errors=0.02, onset=150),
        Scenario("b bad: errors 5 % from minute 17", "bad", errors, good, bad_errors=0.05, onset=1020),
        Scenario("b bad: errors 20 % from minute 33", "bad", errors, good, bad_errors=0.2, onset=1980),
        Scenario("b bad: errors 5 %, correlated (ICC 0.03)", "bad", errors, good, bad_errors=0.05, icc=0.03),
        Scenario("b bad: P95 2.5 s from minute 5", "bad", errors, good, bad_latency=mild, onset=300),
        Scenario("b bad: P95 5 s from minute 12", "bad", errors, good, bad_latency=severe, onset=720),
        Scenario(
            "b bad: ramp to 4 % in 20 minutes from minute 15",
            "bad",
            errors,
            good,
            ramp=lambda part: 0.0003 + 0.0397 * min(1.0, 3 * part),
            onset=900,
        ),
    ]


def _third() -> list[Scenario]:
    """Another two-mode latency, strong single checks, longer spells, regressions from the start and later."""
    errors = 0.0004
    good = Shape([(0.9, 0.09, 0.4), (0.1, 0.3, 0.4)])
    held = Shape([(0.9, 0.09, 0.4), (0.1, 1.75, 0.25)])
    mild = Shape([(0.92, 0.09, 0.4), (0.08, 2.795, 0.35)])
    severe = Shape([(0.8, 0.09, 0.4), (0.2, 3.57, 0.5)])
    spells = Bursts(0.02, 1, 75, is_geometric=True)
    shared = Bursts(0.03, 2, 60, both=True, is_geometric=True)
    return [
        Scenario("c good", "good", errors, good),
        Scenario("c good, errors of a tick correlated (ICC 0.01)", "good", errors, good, icc=0.01),
        Scenario("c good, spells of 2 % (75 s, 1 an hour)", "good", errors, good, bursts=spells),
        Scenario("c good, 15 s bursts of 25 %", "good", errors, good, bursts=Bursts(0.25, 1, 15)),
        Scenario("c good, 60 s bursts of 3 % in both", "good", errors, good, bursts=shared),
        Scenario(
            "c good, outage of both: 3 %, minutes 30 to 42", "good", errors, good, outage=(1800, 2520, 0.03)
        ),
        Scenario(
            "c good, outage of both: 30 % and slow, minutes 5 to 8",
            "good",
            errors,
            good,
            outage=(300, 480, 0.3),
            outage_latency=severe,
        ),
        Scenario("c hold: errors 0.45 %", "hold", errors, good, bad_errors=0.0045),
        Scenario("c hold: P95 1.75 s", "hold", errors, good, bad_latency=held),
        Scenario("c bad: errors 2 %", "bad", errors, good, bad_errors=0.02),
        Scenario("c bad: errors 5 %", "bad", errors, good, bad_errors=0.05),
        Scenario("c bad: errors 20 %", "bad", errors, good, bad_errors=0.2),
        Scenario("c bad: errors 2 % from minute 12", "bad", errors, good, bad_errors=0.02, onset=720),
        Scenario("c bad: errors 5 % from minute 40", "bad", errors, good, bad_errors=0.05, onset=2400),
        Scenario("c bad: errors 20 % from minute 7", "bad", errors, good, bad_errors=0.2, onset=420),
        Scenario("c bad: errors 5 %, correlated (ICC 0.02)", "bad", errors, good, bad_errors=0.05, icc=0.02),
        Scenario("c bad: P95 2.5 s", "bad", errors, good, bad_latency=mild),
        Scenario("c bad: P95 2.5 s from minute 20", "bad", errors, good, bad_latency=mild, onset=1200),
        Scenario("c bad: P95 5 s", "bad", errors, good, bad_latency=severe),
        Scenario(
            "c bad: ramp to 6 % in 30 minutes from minute 3",
            "bad",
            errors,
            good,
            ramp=lambda part: 0.0004 + 0.0596 * min(1.0, 2 * part),
            onset=180,
        ),
    ]


def validation() -> list[Scenario]:
    """Return all three batches."""
    return [*_first(), *_second(), *_third()]
