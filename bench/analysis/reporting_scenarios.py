"""The set that is reported: written when the analysis was done, before it was first run on it."""

from __future__ import annotations

from bench.analysis.scenarios import Bursts, Scenario, Shape


def reporting() -> list[Scenario]:
    """Three latency modes, weak and strong bursts, two outages, regressions from the start and later."""
    errors = 0.0006
    fine = [(0.65, 0.08, 0.5), (0.25, 0.2, 0.4)]
    good, held = Shape([*fine, (0.1, 0.3, 0.25)]), Shape([*fine, (0.1, 1.7, 0.25)])
    mild, severe = Shape([*fine, (0.1, 2.5, 0.25)]), Shape([(0.75, 0.1, 0.5), (0.25, 3.57, 0.4)])
    weak = Bursts(0.01, 2, 100, is_geometric=True)
    shared = Bursts(0.05, 2, 45, both=True, is_geometric=True)
    slow_outage = (2100, 2280, 0.4)
    return [
        Scenario("good", "good", errors, good),
        Scenario("good, errors of a tick correlated (ICC 0.015)", "good", errors, good, icc=0.015),
        Scenario("good, spells of 1 % (100 s, 2 an hour)", "good", errors, good, bursts=weak),
        Scenario("good, 15 s bursts of 15 %, 2 an hour", "good", errors, good, bursts=Bursts(0.15, 2, 15)),
        Scenario("good, 45 s bursts of 5 % in both", "good", errors, good, bursts=shared),
        Scenario("good, outage of both: 6 %, minutes 15-27", "good", errors, good, outage=(900, 1620, 0.06)),
        Scenario(
            "good, outage of both: 40 % and slow, minutes 35-38",
            "good",
            errors,
            good,
            outage=slow_outage,
            outage_latency=severe,
        ),
        Scenario("hold: errors 0.4 %", "hold", errors, good, bad_errors=0.004),
        Scenario("hold: P95 1.7 s", "hold", errors, good, bad_latency=held),
        Scenario("bad: errors 2 %", "bad", errors, good, bad_errors=0.02),
        Scenario("bad: errors 5 %", "bad", errors, good, bad_errors=0.05),
        Scenario("bad: errors 20 %", "bad", errors, good, bad_errors=0.2),
        Scenario("bad: errors 2 % from minute 25", "bad", errors, good, bad_errors=0.02, onset=1500),
        Scenario("bad: errors 5 % from minute 9", "bad", errors, good, bad_errors=0.05, onset=540),
        Scenario("bad: errors 20 % from minute 50", "bad", errors, good, bad_errors=0.2, onset=3000),
        Scenario("bad: errors 5 %, correlated (ICC 0.04)", "bad", errors, good, bad_errors=0.05, icc=0.04),
        Scenario("bad: P95 2.5 s", "bad", errors, good, bad_latency=mild),
        Scenario("bad: P95 2.5 s from minute 35", "bad", errors, good, bad_latency=mild, onset=2100),
        Scenario("bad: P95 5 s", "bad", errors, good, bad_latency=severe),
        Scenario("bad: P95 5 s from minute 3", "bad", errors, good, bad_latency=severe, onset=180),
        Scenario(
            "bad: ramp to 3 % in an hour", "bad", errors, good, ramp=lambda part: errors + 0.0294 * part
        ),
        Scenario(
            "bad: ramp to 8 % in 25 minutes from minute 10",
            "bad",
            errors,
            good,
            ramp=lambda part: errors + 0.0794 * min(1.0, 2.4 * part),
            onset=600,
        ),
    ]
