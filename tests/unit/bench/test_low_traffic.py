"""The table of releases with little traffic: what is measured is what the product decides."""

from __future__ import annotations

from slipway.policy.release import load_policy

from bench.analysis.low_traffic import report


def test_a_good_release_is_promoted_and_a_bad_one_is_not() -> None:
    lines = list(report(load_policy("release.yaml"), which="reporting", rates=[1.0], runs=20, seed=1))
    cells = {line[:40].strip(): line[40:] for line in lines[2:]}
    promoted = {name: float(text.partition(" /")[0]) for name, text in cells.items()}
    assert promoted["good: errors 0.05 %"] >= 75
    assert promoted["bad: errors 2 %"] == promoted["bad: errors 5 %"] == 0
