"""Bakes one release whose evidence arrives with dirt, through the product's own reader and analysis."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from slipway.analysis.bake import BakeAnalysis
from slipway.analysis.verdict import Decision, Verdict
from slipway.exceptions import MetricsUnavailable, SlipwayError
from slipway.hooks.cloud_run.address import ServiceAddress
from slipway.hooks.metrics.promql import PromQLHook, Sample, without_replicas
from slipway.hooks.metrics.reader import MetricReader
from slipway.policy.release import Policy, load_policy

from bench.evidence.dirt import Dirt
from bench.evidence.world import CANARY, CHECK_SECONDS, STABLE, Release, World


class Door(PromQLHook):
    """Answers queries from a world, as they arrive.

    :param world: the truth.
    :param dirts: what happens to it on its way, one after another.
    :param seed: of chance.
    :param replica_labels: labels of the replicas that collect.
    """

    def __init__(
        self, world: World, dirts: Sequence[Dirt], *, seed: int, replica_labels: Collection[str] = ()
    ) -> None:
        super().__init__(replica_labels=replica_labels)
        self._world = world
        self._dirts = dirts
        self._rng = np.random.default_rng([seed, 1])
        self._true: dict[str, list[Sequence[Sample]]] = defaultdict(list)

    async def aquery(self, expr: str, time: float | None = None) -> list[Sample]:
        """Answer as the metrics source does: what a query selects, with the dirt of this check."""
        answers = self._true[expr]
        answers.append([sample for sample in self.served(time or 0.0) if _selects(expr, sample)])
        arrived = list(answers[-1])
        for dirt in self._dirts:
            found = dirt.arrive([*answers[:-1], arrived], self._rng)
            if isinstance(found, SlipwayError):
                raise found
            arrived = found
        return without_replicas(arrived, self.replica_labels)

    def served(self, time: float) -> list[Sample]:
        """Return every series as it is.

        :param time: the moment, in seconds.
        """
        return self._world.samples(time)


@dataclass(frozen=True)
class Ended:
    """How a bake ended.

    :param decision: the last one.
    :param named: every reason for which a check had no evidence.
    """

    decision: Decision
    named: frozenset[str]

    @property
    def verdict(self) -> Verdict:
        """Of the last check."""
        return self.decision.verdict


def bench_policy() -> Policy:
    """Return the project's policy with errors and latency alone, of one source: the rest is fine."""
    policy = load_policy("release.yaml")
    metrics = {
        key: policy.metrics[key].model_copy(update={"ingestion_seconds": None})
        for key in ("error_rate", "latency_p95")
    }
    return policy.model_copy(update={"metrics": metrics})


async def bake(policy: Policy, release: Release, dirts: Sequence[Dirt], *, seed: int) -> Ended:
    """Bake a canary until it is decided or its time is over.

    :param policy: of :func:`bench_policy`.
    :param release: what the new revision really does.
    :param dirts: what happens to its evidence.
    :param seed: of chance.
    """
    phase = policy.phases["canary"]
    world = World(release, seed, restarts=max((dirt.restarts for dirt in dirts), default=0.0))
    analysis = BakeAnalysis(
        policy, bake_seconds=phase.bake_seconds, extension_seconds=phase.extension_seconds, phase="canary"
    )
    reader = MetricReader(
        Door(world, dirts, seed=seed, replica_labels=policy.decision.replica_labels),
        policy.metrics,
        service=ServiceAddress("there", "here", "web"),
        revisions=[CANARY, STABLE],
    )
    named: set[str] = set()
    at = 0.0
    while True:
        try:
            canary, stable = await reader.read(at=at)
            analysis.add(canary, stable, at=at)
            found = [counts for arm in (canary, stable) for counts in arm.values()]
            named |= {why for counts in found for why in (counts.odd, counts.unanswered) if why}
            decision = analysis.decision(at=at)
        except MetricsUnavailable as error:
            named.add(str(error))
            decision = analysis.unanswered(str(error), at=at)
        if decision.ends_the_bake or at > phase.bake_seconds + phase.extension_seconds:
            return Ended(decision, frozenset(named))
        world.serve()
        at += CHECK_SECONDS


def _selects(expr: str, sample: Sample) -> bool:
    """Tell whether a query of the policy selects a series of the world."""
    labels = sample.labels
    if "request_count" in expr:
        is_bad = labels.get("response_code_class") == "5xx"
        return labels["__name__"] == "request_count" and (is_bad or "response_code=~" not in expr)
    edges = re.search(r'le=~"(.*)"', expr)
    if edges is None:
        return labels["__name__"] == "seconds_count"
    is_edge = re.fullmatch(edges[1].replace(r"\\", "\\"), labels.get("le", ""))
    return labels["__name__"] == "seconds_bucket" and is_edge is not None
