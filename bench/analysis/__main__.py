"""Every method on the same simulated traffic: false rollbacks, misses, delay, and where ours loses.

python -m bench.analysis [--runs 1000] [--set tuning|validation|reporting|all] [--seed 1]
"""

from __future__ import annotations

import argparse
import time

import numpy as np
from slipway.analysis.budget import budget_of
from slipway.analysis.share import Limits
from slipway.policy import Policy, load_policy
from slipway.policy_metrics import QuantileMetric, ShareMetric

from bench.analysis.cell import Cell, measure
from bench.analysis.methods import methods
from bench.analysis.scenarios import SETS
from bench.analysis.table import lines
from bench.analysis.traffic import simulate

RATES = (1.0, 10.0, 100.0, 1000.0)


def main() -> None:
    """Simulate, decide, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--runs", type=int, default=1000, help="simulated releases per cell")
    parser.add_argument("--set", choices=[*SETS, "all"], default="all", dest="which")
    parser.add_argument("--rates", type=float, nargs="+", default=RATES, help="requests/s in total")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    policy = load_policy("release.yaml")
    for name in SETS if arguments.which == "all" else [arguments.which]:
        _one_set(name, policy, rates=arguments.rates, runs=arguments.runs, seed=arguments.seed)


def _one_set(name: str, policy: Policy, *, rates: list[float], runs: int, seed: int) -> None:
    began = time.monotonic()
    table: dict[tuple[str, float, str], Cell] = {}
    compared = methods(policy)
    for number, scenario in enumerate(SETS[name]):
        for rate in rates:
            # Named by set, scenario and rate, so that a cell is the same whatever else is run.
            rng = np.random.default_rng([seed, list(SETS).index(name), number, round(1000 * rate)])
            traffic = simulate(scenario, rate=rate, runs=runs, rng=rng)
            for method, decide in compared.items():
                table[scenario.name, rate, method] = measure(decide(traffic), traffic, scenario)
    budget = budget_of(policy, "canary")
    print(f"\n== {name} scenarios, {runs} releases per cell; an hour at 10 %, metrics without delay")
    print(
        f"policy: false rollbacks at most {100 * policy.decision.false_rollback_probability:g} % per release "
        f"with every share at most its guard; per metric and phase {budget.guard:.5f}"
    )
    limits = {
        key: Limits.of(metric, null=policy.decision.rollback_null)
        for key, metric in policy.metrics.items()
        if isinstance(metric, ShareMetric | QuantileMetric)
    }
    for line in lines(table, SETS[name], rates, list(compared), alpha=budget.guard, limits=limits):
        print(line, flush=True)
    print(f"{time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
