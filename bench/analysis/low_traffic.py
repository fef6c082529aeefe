"""How a phase with little traffic ends within its hour and its extension.

python -m bench.analysis.low_traffic [--runs 1000] [--set reporting|held_out|between] [--rates 1 ...]
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial

import numpy as np
from slipway.policy.release import Policy, load_policy

from bench.analysis import slipway_method
from bench.analysis.cell import ending, measure
from bench.analysis.low_traffic_scenarios import between, low_traffic, low_traffic_held_out
from bench.analysis.scenarios import TICK_SECONDS, Scenario
from bench.analysis.traffic import simulate

RATES = (0.5, 1.0, 2.0, 5.0)
SETS: Mapping[str, Callable[[], list[Scenario]]] = {
    "reporting": low_traffic,
    "held_out": low_traffic_held_out,
    "between": between,
}


def report(
    policy: Policy,
    *,
    which: str,
    rates: Sequence[float],
    runs: int,
    seed: int,
    each: Callable[..., Iterable[list[str]]] = map,
) -> Iterator[str]:
    """Yield a line per release: promoted, rolled back and held in percent, and when it is rolled back.

    :param policy: the policy.
    :param which: ``reporting``, ``held_out`` or ``between``: errors from target to trigger, for any rate.
    :param rates: requests/s in total.
    :param runs: simulated releases per cell.
    :param seed: of the simulation.
    :param each: maps the scenarios, as ``map`` does.
    """
    phase = policy.phases["canary"]
    ticks = round((phase.bake_seconds + phase.extension_seconds) / TICK_SECONDS)
    yield (
        f"\nlittle traffic, {which} set: promoted / rolled back / held %, median s to the rollback; "
        f"{phase.bake_seconds:g} s at 10 % and up to {phase.extension_seconds:g} s more"
    )
    yield f"{'requests/s in total':<40}" + "".join(f"{rate:<26g}" for rate in rates)
    cells_of = partial(_cells, policy, which=which, rates=rates, runs=runs, ticks=ticks, seed=seed)
    scenarios = SETS[which]()
    for scenario, cells in zip(scenarios, each(cells_of, range(len(scenarios))), strict=True):
        yield f"{scenario.name:<40}" + "".join(f"{text:<26}" for text in cells)


def _cells(
    policy: Policy, number: int, *, which: str, rates: Sequence[float], runs: int, ticks: int, seed: int
) -> list[str]:
    """Return how the releases of a scenario end at each rate."""
    scenario, cells = SETS[which]()[number], []
    for rate in rates:
        rng = np.random.default_rng([seed, list(SETS).index(which), number, round(1000 * rate)])
        traffic = simulate(scenario, rate=rate, runs=runs, rng=rng, ticks=ticks)
        cells.append(ending(measure(slipway_method.decide(traffic, policy), traffic, scenario)))
    return cells


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--runs", type=int, default=1000, help="simulated releases per cell")
    parser.add_argument("--set", choices=SETS, default="reporting", dest="which")
    parser.add_argument("--rates", type=float, nargs="+", default=RATES, help="requests/s in total")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    for line in report(
        load_policy("release.yaml"), which=given.which, rates=given.rates, runs=given.runs, seed=given.seed
    ):
        print(line, flush=True)


if __name__ == "__main__":
    main()
