"""The table of releases with synthetic requests: what is measured is what the product decides."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from slipway.policy.release import load_policy

from bench.analysis.synthetic import measured, with_synthetic
from bench.analysis.synthetic_scenarios import Seen, synthetic


@pytest.mark.parametrize(
    ("name", "by", "promoted", "rolled_back"),
    [
        ("good: errors 0.05 %", "all", (80, 100), (0, 0)),
        ("bad: errors 5 %", "synthetic", (0, 0), (100, 100)),
        ("bad: errors 5 %", "users", (0, 0), (80, 100)),
    ],
)
def test_synthetic_requests_decide_sooner_and_never_instead_of_users(
    name: str, by: str, promoted: tuple[float, float], rolled_back: tuple[float, float]
) -> None:
    scenario = next(seen.scenario for seen in synthetic() if seen.scenario.name == name)
    seen = replace(Seen(scenario), by=by)  # type: ignore[arg-type]
    policy = with_synthetic(load_policy("release.yaml"), rate=1)
    cell = measured(seen, policy, rate=1, runs=20, rng=np.random.default_rng(1))
    assert promoted[0] <= cell.promoted <= promoted[1]
    assert rolled_back[0] <= cell.rolled_back <= rolled_back[1]
