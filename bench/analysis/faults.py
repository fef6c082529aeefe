"""Which metric of the bake catches each fault that the platform can have, and how soon: a table.

python -m bench.analysis.faults [--runs 5] [--seed 1]
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from statistics import median

import numpy as np
from slipway.analysis.bake import BakeAnalysis
from slipway.analysis.counts import Counts
from slipway.analysis.verdict import Decision
from slipway.policy.release import Policy, load_policy

_CHECK_SECONDS = 15
#: Events a second of a canary that gets 1 request/s, and the shares over target and trigger of a good one.
_HEALTHY: Mapping[str, tuple[float, float, float]] = {
    "error_rate": (1, 0.0005, 0.0005),
    "latency_p95": (1, 0.002, 0),
    "optimization_success": (0.5, 0.01, 0.01),
    "optimization_failure_alert": (0.5, 0.01, 0.01),
    "websocket_connection": (0.2, 0.001, 0.001),
    "websocket_event_delivery": (0.5, 0.0005, 0.0005),
    "websocket_event_latency": (0.5, 0.005, 0.005),
    "cost_accuracy": (0.5, 0.001, 0.001),
}


@dataclass(frozen=True)
class Fault:
    """A fault in production alone, present from the first request.

    :param field: its name in ``sandbox.platform.faults``.
    :param words: what happens.
    :param shares: by metric, the share of its events that are bad; None where nothing of the bake sees it.
    :param saved: part of the cost that is saved.
    :param memory: part of the limit at the beginning, and its rise per hour.
    :param breaches: share of the requests that are answered with another user's session.
    :param instead: what catches a fault that no metric of the bake can see.
    """

    field: str
    words: str
    shares: Mapping[str, float] | None = None
    saved: float = 0.2
    memory: tuple[float, float] = (0.4, 0.0)
    breaches: float = 0.0
    instead: str = ""


FAULTS = (
    Fault("error_rate", "5 % answered with 500", {"error_rate": 0.05, "websocket_connection": 0.05}),
    Fault("latency_seconds", "every request takes 3 s", {"latency_p95": 1.0}),
    Fault("latency_share", "a tenth takes 3 s", {"latency_p95": 0.1}),
    Fault("memory_leak_bytes", "a third of the memory lost an hour", {}, memory=(0.4, 0.33)),
    Fault("memory_leak_bytes", "memory at its limit", {}, memory=(0.99, 0.0)),
    Fault("cost_factor", "costs 7 % too high", {"cost_accuracy": 1.0}),
    Fault("event_loss_rate", "30 % of the events are lost", {"websocket_event_delivery": 0.3}),
    Fault("event_delay_seconds", "every event 0.5 s late", {"websocket_event_latency": 1.0}),
    Fault("session_leak_rate", "1 % answered with another session", {}, breaches=0.01),
    Fault(
        "no_optimization",
        "attempts cut nothing",
        {"optimization_success": 1.0, "optimization_failure_alert": 1.0},
        saved=0.0,
    ),
    Fault("outages", "every request is answered with 500", {"error_rate": 1.0}),
    Fault("socket_refusal_rate", "a tenth of the handshakes refused", {"websocket_connection": 0.1}),
    Fault(
        "crash_on_start", "the process exits at once", instead="deploy_revisions: the revision is not ready"
    ),
    Fault("token_loss_rate", "sign-ins without a token", instead="warm_up: the smoke tests sign in"),
)


def table(policy: Policy, *, runs: int, seed: int) -> Iterator[str]:
    """Yield the table in Markdown.

    :param policy: of the release.
    :param runs: simulated releases per fault; the median time is printed.
    :param seed: of the simulation.
    """
    yield "| Fault, in production alone | Caught by | Ends with | After |"
    yield "|-|-|-|-|"
    for number, fault in enumerate(FAULTS):
        if fault.shares is None:
            yield f"| {fault.words} (`{fault.field}`) | {fault.instead} | rollback | before the bake |"
            continue
        ended = [bake(policy, fault, np.random.default_rng([seed, number, run])) for run in range(runs)]
        decision = ended[0]
        verdict = "a question to a person" if decision.needs_a_person else str(decision.verdict)
        seconds = median(one.seconds for one in ended)
        yield f"| {fault.words} (`{fault.field}`) | {_caught(decision)} | {verdict} | {seconds:.0f} s |"


def bake(policy: Policy, fault: Fault, rng: np.random.Generator) -> Decision:
    """Bake a release with a fault at 10 requests/s, 10 % of them at the new revision.

    :param policy: of the release.
    :param fault: the fault.
    :param rng: source of chance.
    """
    phase = policy.phases["canary"]
    analysis = BakeAnalysis(
        policy, bake_seconds=phase.bake_seconds, extension_seconds=phase.extension_seconds, phase="canary"
    )
    at, decision = 0.0, analysis.decision(at=0.0)
    while not decision.ends_the_bake and at <= phase.bake_seconds + phase.extension_seconds:
        at += _CHECK_SECONDS
        analysis.add(_counts(fault, rng, at=at), _counts(Fault("", "", {}), rng, at=at, times=9), at=at)
        decision = analysis.decision(at=at)
    return decision


def _counts(fault: Fault, rng: np.random.Generator, *, at: float, times: int = 1) -> dict[str, Counts]:
    counts = {}
    for key, (rate, soft, hard) in _HEALTHY.items():
        bad = (fault.shares or {}).get(key)
        total = int(rng.poisson(rate * times * _CHECK_SECONDS))
        over = int(rng.binomial(total, soft if bad is None else bad))
        both = over if bad is not None or soft == hard else int(rng.binomial(over, hard / soft))
        counts[key] = Counts(total, over, both)
    level = min(1.0, fault.memory[0] + fault.memory[1] * at / 3600 + float(rng.normal(0, 0.002)))
    breaches = int(rng.binomial(_CHECK_SECONDS, fault.breaches))
    return counts | {
        "cost_reduction": Counts(0.5, 0.5 * (1 - fault.saved)),
        "memory": Counts(1, level, float(level > 0.9)),
        "session_isolation": Counts(max(1, breaches), breaches, breaches),
    }


def _caught(decision: Decision) -> str:
    found = [one.metric for one in decision.findings if one.reason in decision.reason]
    return ", ".join(f"`{metric}`" for metric in found)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--runs", type=int, default=5, help="simulated releases per fault")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    for line in table(load_policy("release.yaml"), runs=given.runs, seed=given.seed):
        print(line, flush=True)


if __name__ == "__main__":
    main()
