"""How the false-rollback probability of a release is shared, so that everything together stays under it."""

from __future__ import annotations

from dataclasses import dataclass

from slipway.policy.metrics import Consequence, Metric, QuantileMetric, ShareMetric
from slipway.policy.release import PhaseName, Policy

#: Parts of a metric's budget: the test against the guard sees most regressions, so it gets most.
GUARD_PART, RELATIVE_PART, DEADLINE_PART = 0.8, 0.1, 0.1


@dataclass(frozen=True)
class Budget:
    """Probabilities of a false rollback of one metric in one phase, by the way that leads to it.

    :param guard: the share is at most the null, and the test against it rejects.
    :param relative: the canary is no worse than stable, and the comparison rejects during a quarantine.
    :param deadline: the share is at most the target, and the test against the target rejects.
    """

    guard: float
    relative: float
    deadline: float

    @property
    def total(self) -> float:
        """All ways together (union bound)."""
        return self.guard + self.relative + self.deadline


def statistical_metrics(policy: Policy) -> list[str]:
    """Keys of the metrics that can roll a release back by chance."""
    return [
        key
        for key, metric in policy.metrics.items()
        if isinstance(metric, ShareMetric | QuantileMetric) and metric.action == "rollback"
    ]


def phase_parts(policy: Policy) -> dict[PhaseName, float]:
    """Share the probability over the phases in inverse proportion to their traffic; the parts add up to 1.

    Evidence is scarcest where the traffic is least: there a larger part buys most time.
    """
    inverse = {name: 1 / phase.traffic_percent for name, phase in policy.phases.items()}
    return {name: part / sum(inverse.values()) for name, part in inverse.items()}


def budget_of(policy: Policy, phase: PhaseName | None, key: str) -> Budget:
    """Return the budget of a metric in a phase.

    Checks need no part: the tests are anytime-valid. The parts of all metrics add up (Bonferroni). A metric
    that never rolls back has the budget of one part, and takes none from the others.

    :param policy: the release's.
    :param phase: the phase; None when it is not known takes the smallest part, which is valid for each.
    :param key: of the metric.
    """
    parts = phase_parts(policy)
    part = min(parts.values()) if phase is None else parts[phase]
    shared = sum(_parts_of(policy.metrics[name]) for name in statistical_metrics(policy))
    mine = _parts_of(policy.metrics[key]) if key in statistical_metrics(policy) else 1.0
    alpha = policy.decision.false_rollback_probability * part * mine / max(1.0, shared)
    return Budget(alpha * GUARD_PART, alpha * RELATIVE_PART, alpha * DEADLINE_PART)


def _parts_of(metric: Metric) -> float:
    return metric.false_rollback_parts if isinstance(metric, Consequence) else 1.0
