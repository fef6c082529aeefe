"""How a phase with little traffic ends when synthetic requests are sent beside it.

python -m bench.analysis.synthetic [--runs 1000] [--set reporting|held_out] [--rates 1] [--synthetic 1]
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
from slipway.policy.release import Policy, load_policy, parse_policy

from bench.analysis import slipway_method
from bench.analysis.cell import Cell, ending, measure
from bench.analysis.scenarios import TICK_SECONDS
from bench.analysis.synthetic_scenarios import Seen, synthetic, synthetic_held_out
from bench.analysis.traffic import CANARY_SHARE, simulate

SETS: Mapping[str, Callable[[], Sequence[Seen]]] = {"reporting": synthetic, "held_out": synthetic_held_out}
#: Metric of the users' requests to that of the synthetic ones.
TWINS = {"error_rate": "synthetic_error_rate", "latency_p95": "synthetic_latency_p95"}


def with_synthetic(policy: Policy, *, rate: float) -> Policy:
    """Return a policy that sends synthetic requests.

    :param policy: one that sends none.
    :param rate: requests/s to the new revision's tag.
    """
    document = policy.model_dump(mode="json")
    for real, twin in TWINS.items():
        metric = document["metrics"][real]
        queries = {name: metric[name] for name in ("total", "bad", "buckets") if name in metric}
        for key, mark in ((real, '{synthetic!="true",'), (twin, '{synthetic="true",')):
            marked = {name: text.replace("{", mark, 1) for name, text in queries.items()}
            document["metrics"][key] = metric | marked
        document["metrics"][twin]["false_rollback_parts"] = 1
    journey = [{"path": "/v1/costs"}]
    document["synthetic_requests"] = {"journey": journey, "requests_per_second": rate, "metrics": TWINS}
    return parse_policy(document, source="with synthetic requests")


def report(
    policy: Policy, *, which: str, rates: Sequence[float], sent: float, runs: int, seed: int
) -> Iterator[str]:
    """Yield a line per release: promoted, rolled back and held in percent, and when it is rolled back.

    :param policy: one that sends no synthetic requests.
    :param which: ``reporting`` or ``held_out``.
    :param rates: requests/s of users in total.
    :param sent: synthetic requests/s to the new revision's tag, and as many to the service.
    :param runs: simulated releases per cell.
    :param seed: of the simulation.
    """
    policy = with_synthetic(policy, rate=sent)
    phase = policy.phases["canary"]
    yield (
        f"\n{sent:g} synthetic request/s, {which} set: promoted / rolled back / held %, median s to the "
        f"rollback; {phase.bake_seconds:g} s at 10 % and up to {phase.extension_seconds:g} s more"
    )
    yield f"{'requests/s of users in total':<52}" + "".join(f"{rate:<26g}" for rate in rates)
    for number, seen in enumerate(SETS[which]()):
        cells = []
        for rate in rates:
            rng = np.random.default_rng([seed, list(SETS).index(which), number, round(1000 * rate)])
            cells.append(ending(measured(seen, policy, rate=rate, runs=runs, rng=rng)))
        yield f"{_name(seen):<52}" + "".join(f"{text:<26}" for text in cells)


def measured(seen: Seen, policy: Policy, *, rate: float, runs: int, rng: np.random.Generator) -> Cell:
    """Simulate a release, and decide with a policy.

    :param seen: the release.
    :param policy: one that sends synthetic requests.
    :param rate: requests/s of users in total.
    :param runs: simulated releases.
    :param rng: seeded source of chance.
    """
    phase, sent = policy.phases["canary"], max(policy.synthetic_rates.values())
    ticks = round((phase.bake_seconds + phase.extension_seconds) / TICK_SECONDS)
    good = replace(seen.scenario, bad_errors=None, bad_latency=None)
    of_users, of_synthetic = (good if seen.by == other else seen.scenario for other in ("synthetic", "users"))
    traffic = simulate(of_users, rate=rate, runs=runs, rng=rng, ticks=ticks)
    # Those to the service's URL are divided as users' requests are.
    part = (1 + CANARY_SHARE) / 2
    beside = simulate(of_synthetic, rate=2 * sent, runs=runs, rng=rng, ticks=ticks, part=part)
    return measure(slipway_method.decide(traffic, policy, synthetic=beside), traffic, seen.scenario)


def _name(seen: Seen) -> str:
    return seen.scenario.name if seen.by == "all" else f"{seen.scenario.name} ({seen.by} alone)"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--runs", type=int, default=1000, help="simulated releases per cell")
    parser.add_argument("--set", choices=SETS, default="reporting", dest="which")
    parser.add_argument("--rates", type=float, nargs="+", default=(1.0,), help="requests/s of users in total")
    parser.add_argument("--synthetic", type=float, default=1.0, help="synthetic requests/s", dest="sent")
    parser.add_argument("--seed", type=int, default=1)
    for line in report(load_policy("release.yaml"), **vars(parser.parse_args())):
        print(line, flush=True)


if __name__ == "__main__":
    main()
