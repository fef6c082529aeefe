"""A release whose evidence arrives oddly is decided as if it did not, or the reason is named."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest
from slipway.analysis.bake import BakeAnalysis
from slipway.analysis.counts import Counts
from slipway.analysis.metric_counts import MetricCounts
from slipway.analysis.verdict import Decision, Verdict
from slipway.policy.release import Policy, load_policy

CHECK = 15
CANARY, STABLE = 5.0, 45.0
#: Makes of the readings of the canary, and of its age in checks, what arrives.
Dirt = Callable[[dict[str, float], int], dict[str, float]]


@pytest.fixture(scope="module")
def policy() -> Policy:
    """Errors and latency alone: the rest is fine."""
    loaded = load_policy("release.yaml")
    metrics = {key: loaded.metrics[key] for key in ("error_rate", "latency_p95")}
    return loaded.model_copy(update={"metrics": metrics})


def counters(rate: float, errors: float, seed: int) -> Iterator[dict[str, float]]:
    """A revision two hours old: its counters, check by check."""
    rng = np.random.default_rng(seed)
    good, bad = rate * 7200, 0.0
    while True:
        yield {"2xx": good, "5xx": bad, "count": good + bad, "bucket": good + bad}
        total = rng.poisson(rate * CHECK)
        failed = rng.binomial(total, errors)
        good, bad = good + total - failed, bad + failed


def counted(arrives: dict[str, float], of: dict[str, MetricCounts], at: float) -> dict[str, Counts]:
    codes: dict[str, float] = {code: arrives[code] for code in ("2xx", "5xx") if code in arrives}
    bad: dict[str, float] = {"5xx": arrives["5xx"]} if "5xx" in arrives else {}
    bucket = {"le": arrives["bucket"]} if "bucket" in arrives else {}
    count = {"count": arrives["count"]} if "count" in arrives else {}
    return {
        "error_rate": of["error_rate"].since(
            {"total": codes, "over_target": bad, "over_trigger": bad}, at=at
        ),
        "latency_p95": of["latency_p95"].since(
            {"total": count, "within_target": bucket, "within_trigger": bucket}, at=at
        ),
    }


def bake(
    policy: Policy, *, errors: float, canary: Dirt | None = None, stable: Dirt | None = None
) -> Decision:
    """Bake a canary whose counters, or stable's, arrive as the dirt makes them."""
    analysis = BakeAnalysis(policy, bake_seconds=3600, extension_seconds=1800, phase="canary")
    arms = (counters(CANARY, errors, 1), counters(STABLE, 0.0003, 2))
    of = [{key: MetricCounts(metric) for key, metric in policy.metrics.items()} for _ in arms]
    for check in range(10_000):
        at = float(check * CHECK)
        arrives = [
            dirt(next(arm), check) if dirt else next(arm)
            for arm, dirt in zip(arms, (canary, stable), strict=True)
        ]
        analysis.add(*(counted(a, o, at) for a, o in zip(arrives, of, strict=True)), at=at)
        decision = analysis.decision(at=at)
        if decision.ends_the_bake or at > 5400:
            return decision
    raise AssertionError


def dips(*names: str, every: int) -> Dirt:
    """A second collector answers now and then that is one event behind the check before."""
    last: dict[str, float] = {}

    def arrive(readings: dict[str, float], check: int) -> dict[str, float]:
        found = dict(readings)
        for name in names:
            if check % every == every - 1:
                found[name] = last[name] - 1
            last[name] = readings[name]
        return found

    return arrive


@pytest.mark.parametrize("name", ["2xx", "count", "bucket"])
@pytest.mark.parametrize("every", [10, 60])
def test_a_good_release_whose_counters_dip_is_promoted(policy: Policy, name: str, every: int) -> None:
    decision = bake(policy, errors=0.0003, canary=dips(name, every=every), stable=dips(name, every=every))
    assert decision.verdict is Verdict.PROMOTE, decision.reason
    assert decision.seconds <= 3600 + CHECK


def test_a_bad_release_whose_counters_dip_is_rolled_back_as_soon(policy: Policy) -> None:
    clean = bake(policy, errors=0.03)
    dirty = bake(policy, errors=0.03, canary=dips("2xx", every=3), stable=dips("2xx", every=3))
    assert clean.verdict is dirty.verdict is Verdict.ROLLBACK
    assert dirty.seconds <= 2 * clean.seconds


def away(*checks: int) -> Dirt:
    """The source has none of the series at some checks."""
    return lambda readings, check: {} if check in checks else readings


def test_a_stable_revision_seen_late_neither_hides_nor_makes_a_regression(policy: Policy) -> None:
    clean, late = bake(policy, errors=0.02), bake(policy, errors=0.02, stable=away(0))
    assert clean.verdict is late.verdict is Verdict.ROLLBACK
    assert late.seconds <= 2 * clean.seconds
    good = bake(policy, errors=0.0003, stable=away(0, 1), canary=away(0))
    assert (good.verdict, good.seconds) == (Verdict.PROMOTE, 3600), good.reason
