"""The peers are re-implemented as they are documented, and the table says where they do better."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from bench.analysis import argo_rollouts, flagger, kayenta, release_manager
from bench.analysis.cell import Cell, bound
from bench.analysis.methods import OURS
from bench.analysis.root import roots
from bench.analysis.scenarios import EDGES, TICKS, Shape
from bench.analysis.sets import SETS
from bench.analysis.table import losses, misses
from bench.analysis.traffic import Arm, Traffic, quantile, simulate


def arm(requests: float, error_share: float, *, bucket: int = 1) -> Arm:
    total = np.full((TICKS, 1), requests)
    buckets = np.zeros((TICKS, 1, len(EDGES) + 1))
    buckets[:, :, bucket] = requests
    return Arm(total, total * error_share, buckets)


def traffic(error_share: float, *, bucket: int = 1, requests: float = 100) -> Traffic:
    return Traffic(arm(requests, error_share, bucket=bucket), arm(9 * requests, 0))


@pytest.mark.parametrize(
    ("decide", "seconds"),
    [
        (flagger.documented, 360),
        (flagger.with_policy_limits, 360),
        (argo_rollouts.with_policy_limits, 240),
        (argo_rollouts.documented, 1200),
        (argo_rollouts.with_policy_limits_five_minutes, 1200),
        (release_manager.documented, 60),
    ],
)
def test_constant_errors_are_rolled_back_when_the_documented_count_is_reached(
    decide: Any, seconds: float
) -> None:
    outcome = decide(traffic(0.2))
    assert outcome.rolled_back_at[0] == seconds
    assert not outcome.promoted[0]


def test_silence_rolls_back_at_flagger_and_argo_and_is_healthy_for_the_release_manager() -> None:
    silent = traffic(0, requests=0)
    assert np.isfinite(flagger.documented(silent).rolled_back_at[0])
    assert np.isfinite(argo_rollouts.documented(silent).rolled_back_at[0])
    assert release_manager.documented(silent).promoted[0]


def test_the_release_manager_is_blind_for_latency_unless_told() -> None:
    slow = traffic(0, bucket=12)
    assert release_manager.documented(slow).promoted[0]
    assert release_manager.with_policy_limits(slow).rolled_back_at[0] == 60


def test_kayenta_sees_a_shift_and_not_noise() -> None:
    rng = np.random.default_rng(1)
    control, noise = rng.lognormal(0, 0.3, (200, 60)), rng.lognormal(0, 0.3, (200, 60))
    assert kayenta.is_high(noise, control).mean() <= 0.02
    assert kayenta.is_high(2 * noise, control).mean() == 1
    assert not kayenta.is_high(control, control).any()


def test_roots_are_found_within_tolerance() -> None:
    targets = np.array([0.2, 0.7, 3.0, -5.0])
    found = roots(lambda x, rows: (targets[rows] - x) ** 3, np.full(4, 0.0), np.full(4, 1.0), tolerance=1e-6)
    assert found == pytest.approx([0.2, 0.7, 1.0, 0.0], abs=1e-3)


def test_a_quantile_of_buckets_is_interpolated_as_prometheus_does() -> None:
    buckets = np.zeros((1, len(EDGES) + 1))
    assert math.isnan(quantile(buckets, 95)[0])
    buckets[0, 0] = 100
    assert quantile(buckets, 95)[0] == pytest.approx(0.0475)
    buckets[0, -1] = 100
    assert quantile(buckets, 95)[0] == EDGES[-1]


def test_scenarios_are_what_their_names_say() -> None:
    for scenarios in SETS.values():
        for scenario in scenarios:
            for name, shape in (("latency", scenario.latency), ("bad", scenario.bad_latency)):
                if shape is None or ("P95" not in scenario.name and name == "bad"):
                    continue
                stated = float(scenario.name.split("P95 ")[1].split(" s")[0]) if name == "bad" else None
                if stated is not None:
                    assert shape.over(stated) == pytest.approx(0.05, abs=0.002), scenario.name
                else:
                    assert shape.over(0.5) < 0.05, scenario.name


def test_the_same_seed_gives_the_same_traffic() -> None:
    made = [
        simulate(SETS["tuning"][2], rate=10, runs=5, rng=np.random.default_rng(3)).canary.errors for _ in "ab"
    ]
    assert (made[0] == made[1]).all()
    assert Shape([(1, 0.1, 0.5)]).buckets().sum() == pytest.approx(1)


def test_walds_bound() -> None:
    divergence = 0.2 * math.log(20) + 0.8 * math.log(0.8 / 0.99)
    assert bound(0.2, 0.01, 0.05) == pytest.approx(math.log(20) / divergence)


def test_a_peer_that_is_no_more_trigger_happy_and_faster_is_named() -> None:
    scenarios = [s for s in SETS["tuning"] if s.name in ("good", "hold: errors 0.5 %", "bad: errors 2 %")]
    quiet, slow, fast = Cell(0, 0, 100, 1, 1, 1), Cell(100, 0, 0, 90, 120, 90), Cell(100, 0, 0, 60, 120, 95)
    loud = Cell(5, 0, 95, 1, 1, 1)

    def cells(peer_good: Cell) -> dict[tuple[str, float, str], Cell]:
        return {
            (s.name, 10.0, name): (quiet if name == OURS else peer_good)
            if s.kind != "bad"
            else (slow if name == OURS else fast)
            for s in scenarios
            for name in (OURS, "peer")
        }

    named = list(losses(cells(quiet), scenarios, [10.0], [OURS, "peer"]))
    assert named[0] == "LOSES to peer at 10/s, bad: errors 2 %: median s 60 < 90"
    assert named[1].startswith("1 of 1 comparisons lost")
    assert list(misses(cells(quiet), scenarios, [10.0], [OURS, "peer"])) == [
        "ours promotes at most 0.0 % of the bad releases of any cell"
    ]
    assert next(losses(cells(loud), scenarios, [10.0], [OURS, "peer"])).startswith("0 of 0")
