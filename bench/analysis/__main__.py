"""Every method on the same simulated traffic: false rollbacks, misses, delay, and where ours loses.

python -m bench.analysis [--runs 1000] [--set reporting|tuning|validation] [--rates 1 10 100 1000] [--seed 1]
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial

import numpy as np
from slipway.analysis.statistics.error_budget import budget_of
from slipway.analysis.statistics.share_test import Limits
from slipway.policy.metrics import QuantileMetric, ShareMetric
from slipway.policy.release import Policy, load_policy

from bench.analysis import low_traffic
from bench.analysis.cell import Cell, measure
from bench.analysis.methods import methods
from bench.analysis.sets import SETS
from bench.analysis.table import at_rate, losses, misses
from bench.analysis.traffic import simulate

RATES = (1.0, 10.0, 100.0, 1000.0)


@dataclass(frozen=True)
class Bench:
    """What is measured.

    :param which: the set of scenarios.
    :param runs: simulated releases per cell.
    """

    which: str
    runs: int
    seed: int

    def cells(self, number: int, *, rate: float) -> dict[tuple[str, float, str], Cell]:
        """Measure every method on one scenario; the same whatever else is run, and in which process.

        :param number: of the scenario in its set.
        :param rate: requests/s in total.
        """
        scenario = SETS[self.which][number]
        rng = np.random.default_rng([self.seed, list(SETS).index(self.which), number, round(1000 * rate)])
        traffic = simulate(scenario, rate=rate, runs=self.runs, rng=rng)
        return {
            (scenario.name, rate, name): measure(decide(traffic), traffic, scenario)
            for name, decide in methods(load_policy("release.yaml")).items()
        }


def main() -> None:
    """Simulate, decide, print; each rate as soon as it is measured."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--runs", type=int, default=1000, help="simulated releases per cell")
    parser.add_argument("--set", choices=SETS, default="reporting", dest="which")
    parser.add_argument("--rates", type=float, nargs="+", default=RATES, help="requests/s in total")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    bench = Bench(arguments.which, arguments.runs, arguments.seed)
    for line in report(bench, arguments.rates, load_policy("release.yaml")):
        print(line, flush=True)


def report(bench: Bench, rates: Sequence[float], policy: Policy) -> Iterator[str]:
    """Yield the table, then the cells in which ours does worse.

    :param bench: what is measured, and how often.
    :param rates: requests per second to measure at.
    :param policy: Slipway's.
    """
    began = time.monotonic()
    alpha, scenarios, names = (
        budget_of(policy, "canary", "error_rate").guard,
        SETS[bench.which],
        list(methods(policy)),
    )
    limits = {
        key: Limits.of(metric, null=policy.decision.rollback_null)
        for key, metric in policy.metrics.items()
        if isinstance(metric, ShareMetric | QuantileMetric)
    }
    yield f"{bench.which} scenarios, {bench.runs} releases per cell; an hour at 10 %, metrics without delay"
    yield (
        f"policy: false rollbacks at most {100 * policy.decision.false_rollback_probability:g} % per release "
        f"with every share at most its guard; per metric and phase {alpha:.5f}"
    )
    table: dict[tuple[str, float, str], Cell] = {}
    with ProcessPoolExecutor() as pool:
        for rate in rates:
            for cells in pool.map(partial(bench.cells, rate=rate), range(len(scenarios))):
                table |= cells
            yield from at_rate(table, scenarios, rate, names, alpha=alpha, limits=limits)
        yield ""
        yield from losses(table, scenarios, rates, names)
        yield from misses(table, scenarios, rates, names)
        yield from low_traffic.report(
            policy,
            which="reporting",
            rates=low_traffic.RATES,
            runs=bench.runs,
            seed=bench.seed,
            each=pool.map,
        )
    yield f"{time.monotonic() - began:.0f} s"


if __name__ == "__main__":
    main()
