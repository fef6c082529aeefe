"""What a phase can see: stated before it starts, from its traffic, its length and the policy."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any, Literal

import numpy as np

from slipway.analysis.statistics.error_budget import Budget, budget_of, statistical_metrics
from slipway.analysis.statistics.evalues import BetterThan
from slipway.analysis.statistics.share_test import Limits, ShareTest
from slipway.policy.metrics import QuantileMetric, ShareMetric
from slipway.policy.release import PhaseName, Policy

_RUNS = 200
_LOOKS = 60
_SEED = 20
_PRECISION = 0.03
_WORST = 0.95


@dataclass(frozen=True)
class DetectionPower:
    """What a phase can see of one metric.

    :param metric: key in the policy.
    :param events: expected events of the canary during the phase.
    :param smallest_percent: smallest percent of bad events that is rolled back with the policy's probability,
        present from the start; None when not even an outage is.
    :param seconds_needed: how long the canary must serve until a healthy release can be told from one at the
        trigger with that probability; infinite without traffic.
    :param sees_trigger: whether the phase is that long.
    """

    metric: str
    events: float
    smallest_percent: float | None
    seconds_needed: float
    sees_trigger: bool

    def as_payload(self) -> dict[str, Any]:
        """Return plain data; never the same as 0, no time is long enough is None."""
        needed = round(self.seconds_needed, 1) if math.isfinite(self.seconds_needed) else None
        return asdict(self) | {"events": round(self.events, 1), "seconds_needed": needed}


@dataclass(frozen=True)
class Forecast:
    """What a phase can see, and what follows for it.

    :param action: ``start``; ``extend``: start, though the proof needs a part of the extension; or ``hold``:
        do not start.
    :param seconds: how long the phase is going to be watched until it can be promoted.
    """

    sights: Sequence[DetectionPower]
    action: Literal["start", "extend", "hold"]
    seconds: float

    def line(self, policy: Policy) -> str:
        """Return one line for the log."""
        parts = [f"{policy.metrics[sight.metric].title} {_in_words(sight)}" for sight in self.sights]
        return f"caught with {policy.decision.detection_power_percent:g} % probability: " + "; ".join(parts)


def _in_words(sight: DetectionPower) -> str:
    smallest = sight.smallest_percent
    caught = "no regression" if smallest is None else f"from {smallest:.2g} % on"
    words = f"{caught} of {sight.events:.0f} events"
    if sight.sees_trigger:
        return words
    if not math.isfinite(sight.seconds_needed):
        return f"{words} (nothing is served now to tell from)"
    return f"{words} (blind: the proof needs {sight.seconds_needed:.0f} s)"


def forecast(
    policy: Policy,
    phase: PhaseName,
    events_per_second: Mapping[str, float],
    healthy: Mapping[str, float] | None = None,
) -> Forecast:
    """Say what a phase will see; a metric without events now is not forecast, nothing served is blind.

    :param events_per_second: expected events of the canary per metric, such as requests/s.
    :param healthy: share of events over the target's limit that a good release is expected to have, 0..1 per
        metric, such as stable's; never taken for worse than :func:`healthy_share`.
    """
    plan, rules = policy.phases[phase], policy.decision
    sights = [
        sight(policy, phase, key, events_per_second.get(key, 0.0), (healthy or {}).get(key, 1.0))
        for key in statistical_metrics(policy)
    ]
    served = events_per_second.get(policy.traffic_share.request_metric, 0.0) > 0
    # What stable does not do now, such as what a flag switched off, the new revision may do all the same.
    needed = max((s.seconds_needed for s in sights if s.events > 0), default=0.0) if served else math.inf
    if needed <= plan.bake_seconds:
        return Forecast(sights, "start", plan.bake_seconds)
    if rules.when_underpowered == "hold" or needed > plan.bake_seconds + plan.extension_seconds:
        return Forecast(sights, "hold", plan.bake_seconds)
    return Forecast(sights, "extend", needed)


def sight(
    policy: Policy, phase: PhaseName, key: str, events_per_second: float, healthy: float = 1.0
) -> DetectionPower:
    """Say what a phase will see of one metric.

    :param key: key of a share or quantile metric.
    :param events_per_second: expected events of the canary.
    :param healthy: as in :func:`forecast`.
    :raises TypeError: for a metric that is judged without chance.
    """
    metric = policy.metrics[key]
    if not isinstance(metric, ShareMetric | QuantileMetric):
        raise TypeError(f"metric {key}: kind {metric.kind} has no power; only share and quantile have")
    seconds, wanted = policy.phases[phase].bake_seconds, policy.decision.detection_power_percent / 100
    limits = Limits.of(metric, null=policy.decision.rollback_null)
    events = events_needed(
        limits,
        wanted=wanted,
        evidence=policy.decision.promotion_evidence,
        healthy=min(healthy, healthy_share(limits)),
    )
    needed = events / events_per_second if events_per_second > 0 else math.inf
    smallest = _smallest(policy, metric, limits, budget_of(policy, phase), events_per_second, seconds)
    return DetectionPower(
        key,
        events_per_second * seconds,
        None if smallest is None else 100 * smallest,
        needed,
        needed <= seconds,
    )


def healthy_share(limits: Limits) -> float:
    """Return the worst share of a healthy release: the target, or half the trigger where that is less.

    A release exactly at its trigger can never be told from it.
    """
    return min(limits.target, limits.trigger / 2)


@cache
def events_needed(limits: Limits, *, wanted: float, evidence: float, healthy: float) -> int:
    """Return how many events tell a healthy release from one at the trigger, with the wanted probability.

    Exact: binomial, against the promotion's own e-value.

    :param wanted: probability, 0..1.
    :param evidence: e-value that a promotion needs.
    :param healthy: share of the healthy release, 0..1 and under the trigger.
    """
    low, high = 1, 1
    while not _tells(high, healthy, limits.trigger, wanted, evidence):
        low, high = high, 2 * high
    while high - low > max(1, high // 100):
        middle = (low + high) // 2
        if _tells(middle, healthy, limits.trigger, wanted, evidence):
            high = middle
        else:
            low = middle
    return high


def _tells(events: int, healthy: float, trigger: float, wanted: float, evidence: float) -> bool:
    most = int(trigger * events) + 1
    bad = np.arange(most + 1, dtype=np.float64)
    test = BetterThan(trigger, shape=bad.shape)
    test.add(bad, np.full_like(bad, events))
    enough = test.log_e >= math.log(evidence)
    if healthy <= 0:
        return bool(enough[0])
    steps = np.log((events - bad[:-1]).clip(1e-300) / bad[1:]) + math.log(healthy / (1 - healthy))
    logs = np.concatenate([[0.0], np.cumsum(steps)]) + events * math.log1p(-healthy)
    return float(np.exp(logs)[enough].sum()) >= wanted


def _smallest(
    policy: Policy,
    metric: ShareMetric | QuantileMetric,
    limits: Limits,
    budget: Budget,
    rate: float,
    seconds: float,
) -> float | None:
    """Search the smallest share that is rolled back with the wanted probability, by simulation.

    200 runs of 60 looks against a stable without bad events; looking less often than the watch does errs on
    the side of seeing less. One standard deviation of the probability is 3 percent points at 80 %.
    """
    wanted = policy.decision.detection_power_percent / 100

    def caught(share: float) -> float:
        rng = np.random.default_rng(_SEED)
        test = ShareTest(
            limits,
            policy.decision,
            budget,
            horizon=seconds,
            compare=metric.compare_with_stable,
            shape=(_RUNS,),
        )
        rolled_back = np.zeros(_RUNS, dtype=bool)
        for look in range(1, _LOOKS + 1):
            total = rng.poisson(rate * seconds / _LOOKS, _RUNS)
            bad = rng.binomial(total, share)
            test.add(total, bad, bad, 9 * total, 0 * total, at=look * seconds / _LOOKS)
            rolled_back |= test.rolls_back
        return float((rolled_back | test.rolls_back_at_deadline).mean())

    low, high = limits.null, _WORST
    if caught(high) < wanted:
        return None
    while high / low > 1 + _PRECISION:
        middle = math.sqrt(low * high)
        low, high = (low, middle) if caught(middle) >= wanted else (middle, high)
    return high
