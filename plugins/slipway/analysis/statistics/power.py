"""Detection power of a phase: what it can detect with its traffic, its length and the policy."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any, Literal

import numpy as np

from slipway.analysis.method import CURRENT
from slipway.analysis.statistics.chance import is_by_chance
from slipway.analysis.statistics.error_budget import Budget, budget_of, statistical_metrics
from slipway.analysis.statistics.share_test import Limits, ShareTest, better_than_trigger
from slipway.policy.metrics import DecisionRules, Metric, QuantileMetric, ShareMetric
from slipway.policy.release import PhaseName, Policy

_RUNS = 200
_CHECKS = 60
_SEED = 20
_PRECISION = 0.03
_WORST = 0.95
_CACHED = 256
_PROMOTION_RUNS = 2000
_PROMOTION_CHECKS = 30
#: In percent.
_AS_GOOD_AS_CERTAIN = 99


@dataclass(frozen=True)
class DetectionPower:
    """What a phase can detect of one metric.

    :param metric: key in the policy.
    :param events: expected events of the canary during the phase.
    :param smallest_percent: smallest percent of bad events, present from the start, that is rolled back with
        the policy's probability; None when not even an outage is.
    :param seconds_needed: how long the canary must serve until a healthy release can be told from one at the
        trigger with that probability; infinite without traffic.
    :param sees_trigger: whether the phase is that long.
    :param promoted_percent: how probably a release as good as stable, or as the target, is proven good enough
        by the end of the extension.
    """

    metric: str
    events: float
    smallest_percent: float | None
    seconds_needed: float
    sees_trigger: bool
    promoted_percent: float = 100.0

    def as_payload(self) -> dict[str, Any]:
        """Return plain data; an infinite ``seconds_needed`` is None."""
        needed = round(self.seconds_needed, 1) if math.isfinite(self.seconds_needed) else None
        rounded = {"events": round(self.events, 1), "promoted_percent": round(self.promoted_percent, 1)}
        return asdict(self) | rounded | {"seconds_needed": needed}


@dataclass(frozen=True)
class Forecast:
    """The detection power of a phase, and what follows from it.

    :param powers: one per metric that is judged by chance.
    :param action: ``start``; ``extend``: start, though the proof needs a part of the extension; or ``hold``:
        do not start.
    :param seconds: how long the phase bakes until it can be promoted.
    """

    powers: Sequence[DetectionPower]
    action: Literal["start", "extend", "hold"]
    seconds: float

    def line(self, policy: Policy) -> str:
        """Return one line for the log."""
        parts = [_in_words(power, policy) for power in self.powers]
        return f"Detectable with {policy.decision.detection_power_percent:g} % probability: " + "; ".join(
            parts
        )


def _in_words(power: DetectionPower, policy: Policy) -> str:
    metric = policy.metrics[power.metric]
    words = f"{metric.title} {_detectable(power, metric)} ({power.events:,.0f} {metric.unit} expected"
    if 0 < power.promoted_percent < _AS_GOOD_AS_CERTAIN:
        words += f"; a good release is promoted with {power.promoted_percent:.0f} % probability"
    if power.sees_trigger:
        return f"{words})"
    if not math.isfinite(power.seconds_needed):
        return f"{words}; no traffic)"
    return f"{words}; not enough, {power.seconds_needed:,.0f} s needed)"


def _detectable(power: DetectionPower, metric: Metric) -> str:
    smallest = power.smallest_percent
    if smallest is None:
        return "at no level"
    if metric.direction == "higher":
        return f"≤ {100 - smallest:.3g} %"
    slow = f" over {metric.trigger_seconds:g} s" if isinstance(metric, QuantileMetric) else ""
    return f"≥ {smallest:.2g} %{slow}"


def forecast(
    policy: Policy,
    phase: PhaseName,
    events_per_second: Mapping[str, float],
    healthy: Mapping[str, float] | None = None,
) -> Forecast:
    """Forecast the detection power of a phase.

    A metric without events now is not forecast; without any traffic the phase detects nothing.

    :param policy: the policy of the release.
    :param phase: ``canary``, ``half`` or ``full``.
    :param events_per_second: expected events of the canary per metric, such as requests/s.
    :param healthy: share of events over the target's limit that a good release is expected to have, 0..1 per
        metric, such as stable's; never worse than :func:`healthy_share`.
    :return: the power per metric, and the action.
    """
    plan, rules = policy.phases[phase], policy.decision
    powers = [
        detection_power(policy, phase, key, events_per_second.get(key, 0.0), (healthy or {}).get(key, 1.0))
        for key in statistical_metrics(policy)
    ]
    served = events_per_second.get(policy.traffic_share.request_metric, 0.0) > 0
    # The new revision may have events that stable does not have now, such as those of a flag that is off.
    needed = max((p.seconds_needed for p in powers if p.events > 0), default=0.0) if served else math.inf
    if needed <= plan.bake_seconds:
        return Forecast(powers, "start", plan.bake_seconds)
    if rules.when_underpowered == "hold" or needed > plan.bake_seconds + plan.extension_seconds:
        return Forecast(powers, "hold", plan.bake_seconds)
    return Forecast(powers, "extend", needed)


def detection_power(
    policy: Policy, phase: PhaseName, key: str, events_per_second: float, healthy: float = 1.0
) -> DetectionPower:
    """Return what a phase can detect of one metric.

    :param policy: the policy of the release.
    :param phase: ``canary``, ``half`` or ``full``.
    :param key: key of a share or quantile metric.
    :param events_per_second: expected events of the canary.
    :param healthy: as in :func:`forecast`.
    :return: the power.
    :raises TypeError: for a metric that is judged without chance.
    """
    metric, rules = policy.metrics[key], policy.decision
    if not isinstance(metric, ShareMetric | QuantileMetric):
        raise TypeError(f"metric {key}: kind {metric.kind} has no power; only share and quantile have")
    plan = policy.phases[phase]
    seconds = plan.bake_seconds
    limits = Limits.of(metric, null=rules.rollback_null)
    healthy = min(healthy, healthy_share(limits))
    events = events_needed(
        limits,
        required=rules.detection_power_percent / 100,
        evidence=policy.promotion_evidence(key),
        healthy=healthy,
    )
    needed = events / events_per_second if events_per_second > 0 else math.inf
    smallest = smallest_detectable(
        limits,
        rules,
        budget_of(policy, phase, key),
        compare=metric.compare_with_stable,
        rate=events_per_second,
        seconds=seconds,
    )
    return DetectionPower(
        key,
        events_per_second * seconds,
        None if smallest is None else 100 * smallest,
        needed,
        needed <= seconds,
        100
        * promotion_probability(
            limits,
            evidence=policy.promotion_evidence(key),
            healthy=healthy,
            expected=(events_per_second * seconds, events_per_second * (seconds + plan.extension_seconds)),
        ),
    )


def healthy_share(limits: Limits) -> float:
    """Return the worst share of a healthy release: the target, or half the trigger where that is less.

    A release exactly at its trigger can never be told from it.

    :param limits: of the metric.
    :return: a share, 0..1.
    """
    return min(limits.target, limits.trigger / 2)


@lru_cache(maxsize=_CACHED)
def events_needed(limits: Limits, *, required: float, evidence: float, healthy: float) -> int:
    """Return how many events tell a healthy release from one at the trigger, with the required probability.

    Exact: binomial, against the promotion's own e-value.

    :param limits: of the metric.
    :param required: probability, 0..1.
    :param evidence: e-value that a promotion needs.
    :param healthy: share of the healthy release, 0..1 and under the trigger.
    :return: number of events.
    """
    low, high = 1, 1
    while not _tells(high, healthy, limits, required, evidence):
        low, high = high, 2 * high
    while high - low > max(1, high // 100):
        middle = (low + high) // 2
        if _tells(middle, healthy, limits, required, evidence):
            high = middle
        else:
            low = middle
    return high


def _tells(events: int, healthy: float, limits: Limits, required: float, evidence: float) -> bool:
    most = int(limits.trigger * events) + 1
    bad = np.arange(most + 1, dtype=np.float64)
    test = better_than_trigger(limits, evidence=evidence, method=CURRENT, shape=bad.shape)
    test.add(bad, np.full_like(bad, events))
    enough = test.log_e >= math.log(evidence)
    if healthy <= 0:
        return bool(enough[0])
    steps = np.log((events - bad[:-1]).clip(1e-300) / bad[1:]) + math.log(healthy / (1 - healthy))
    logs = np.concatenate([[0.0], np.cumsum(steps)]) + events * math.log1p(-healthy)
    return float(np.exp(logs)[enough].sum()) >= required


@lru_cache(maxsize=_CACHED)
def promotion_probability(
    limits: Limits, *, evidence: float, healthy: float, expected: tuple[float, float]
) -> float:
    """Simulate how probably a healthy release is proven better than the trigger, and within its target.

    2000 runs, 31 checks between the end of the bake and that of the extension.

    :param limits: of the metric.
    :param evidence: e-value that a promotion needs.
    :param healthy: share of the healthy release, 0..1.
    :param expected: expected events by the end of the bake, and by that of the extension.
    :return: the probability, 0..1.
    """
    rng, promoted = np.random.default_rng(_SEED), np.zeros(_PROMOTION_RUNS, dtype=bool)
    test = better_than_trigger(limits, evidence=evidence, method=CURRENT, shape=promoted.shape)
    total, bad = np.zeros(promoted.shape), np.zeros(promoted.shape)
    by_the_end, in_all = expected
    for more in (by_the_end, *((in_all - by_the_end) / _PROMOTION_CHECKS,) * _PROMOTION_CHECKS):
        events = rng.poisson(more, promoted.shape)
        hit = rng.binomial(events, healthy)
        test.add(hit, events)
        total, bad = total + events, bad + hit
        promoted |= (test.log_e >= math.log(evidence)) & is_by_chance(bad, total, share=limits.target)
    return float(promoted.mean())


@lru_cache(maxsize=_CACHED)
def smallest_detectable(
    limits: Limits, rules: DecisionRules, budget: Budget, *, compare: bool, rate: float, seconds: float
) -> float | None:
    """Simulate which share of bad events is rolled back with the required probability.

    200 runs of 60 checks against a stable without bad events; the bake checks more often, so this errs on the
    side of detecting less. One standard deviation of the probability is 3 percent points at 80 %.

    :param limits: of the metric.
    :param rules: the policy's.
    :param budget: the metric's false-rollback probabilities in the phase.
    :param compare: whether the metric is compared with stable.
    :param rate: expected events of the canary per second.
    :param seconds: length of the phase.
    :return: the smallest share, 0..1; None when not even an outage is detected.
    """
    required = rules.detection_power_percent / 100

    def is_detected(share: float) -> bool:
        rng = np.random.default_rng(_SEED)
        test = ShareTest(limits, rules, budget, horizon=seconds, compare=compare, shape=(_RUNS,))
        rolled_back = np.zeros(_RUNS, dtype=bool)
        for check in range(1, _CHECKS + 1):
            total = rng.poisson(rate * seconds / _CHECKS, _RUNS)
            bad = rng.binomial(total, share)
            test.add(total, bad, bad, 9 * total, 0 * total, at=check * seconds / _CHECKS)
            rolled_back |= test.rolls_back
            # No later check takes a rollback back.
            if rolled_back.mean() >= required:
                return True
        return bool((rolled_back | test.rolls_back_at_deadline).mean() >= required)

    low, high = limits.null, _WORST
    if rate <= 0 or not is_detected(high):
        return None
    while high / low > 1 + _PRECISION:
        middle = math.sqrt(low * high)
        low, high = (low, middle) if is_detected(middle) else (middle, high)
    return high
