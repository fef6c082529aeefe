"""Simulated traffic of both revisions, many runs at once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from bench.analysis.scenarios import EDGES, TICK_SECONDS, TICKS, Bursts, Scenario, Vector

CANARY_SHARE = 0.1
_HOUR = 3600.0


@dataclass(frozen=True)
class Arm:
    """What one revision served.

    :param total: requests per tick and run.
    :param errors: failed requests per tick and run.
    :param buckets: requests per tick, run and latency bucket.
    """

    total: Vector
    errors: Vector
    buckets: Vector

    def slower_than(self, seconds: float) -> Vector:
        """Requests slower than an edge, per tick and run."""
        return np.asarray(self.buckets[..., EDGES.index(seconds) + 1 :].sum(axis=-1))

    @cached_property
    def minutes(self) -> Arm:
        """The same per minute."""
        per_minute = 60 // TICK_SECONDS

        def summed(values: Vector) -> Vector:
            return np.asarray(values.reshape(-1, per_minute, *values.shape[1:]).sum(axis=1))

        return Arm(summed(self.total), summed(self.errors), summed(self.buckets))


@dataclass(frozen=True)
class Traffic:
    """Both revisions of one scenario at one rate."""

    canary: Arm
    stable: Arm


def simulate(
    scenario: Scenario,
    *,
    rate: float,
    runs: int,
    rng: np.random.Generator,
    ticks: int = TICKS,
    part: float = CANARY_SHARE,
) -> Traffic:
    """Simulate an hour, or as many ticks as are asked for.

    :param scenario: the simulated release.
    :param rate: requests/s of both revisions together.
    :param runs: how many independent hours.
    :param rng: seeded source of chance.
    :param ticks: of 15 s.
    :param part: of the requests that the canary gets, 0..1.
    """
    base, bad = np.full((ticks, 1), scenario.errors), _regression(scenario, ticks)
    stable_share = np.broadcast_to(base, (ticks, runs))
    canary_share = np.broadcast_to(np.where(np.isnan(bad), base, bad), (ticks, runs))
    if scenario.bursts is not None:
        first = _bursts(scenario.bursts, runs, rng, ticks)
        second = first if scenario.bursts.both else _bursts(scenario.bursts, runs, rng, ticks)
        canary_share = np.where(first, scenario.bursts.share, canary_share)
        stable_share = np.where(second, scenario.bursts.share, stable_share)
    outage = np.zeros(ticks, dtype=bool)
    if scenario.outage is not None:
        begin, end, share = scenario.outage
        outage = (_starts(ticks) >= begin) & (_starts(ticks) < end)
        canary_share = np.where(outage[:, None], np.maximum(share, canary_share), canary_share)
        stable_share = np.where(outage[:, None], share, stable_share)
    is_bad = _starts(ticks) >= scenario.onset
    slow = scenario.bad_latency or scenario.latency
    outage_shape = scenario.outage_latency or scenario.latency
    fine = scenario.latency.buckets()
    shapes = [
        outage_shape.buckets() if out else slow.buckets() if worse else fine
        for out, worse in zip(outage, is_bad, strict=True)
    ]
    stable_shapes = [outage_shape.buckets() if out else fine for out in outage]
    return Traffic(
        _arm(rate * part, canary_share, shapes, scenario.icc, rng),
        _arm(rate * (1 - part), stable_share, stable_shapes, scenario.icc, rng),
    )


def _starts(ticks: int) -> Vector:
    return np.arange(ticks, dtype=np.float64) * TICK_SECONDS


def _regression(scenario: Scenario, ticks: int) -> Vector:
    """Error share of the canary per tick where it is bad, NaN where it is not."""
    starts = _starts(ticks)
    share = np.full(ticks, np.nan)
    is_bad = starts >= scenario.onset
    if scenario.ramp is not None:
        share[is_bad] = [scenario.ramp((s - scenario.onset) / _HOUR) for s in starts[is_bad]]
    elif scenario.bad_errors is not None:
        share[is_bad] = scenario.bad_errors
    return share[:, None]


def _bursts(bursts: Bursts, runs: int, rng: np.random.Generator, ticks: int) -> np.ndarray:
    begins = rng.random((ticks, runs)) < bursts.per_hour / TICKS
    mean = max(1, round(bursts.seconds / TICK_SECONDS))
    lengths = rng.geometric(1 / mean, (ticks, runs)) if bursts.is_geometric else np.full((ticks, runs), mean)
    left, active = np.zeros(runs, dtype=int), np.zeros((ticks, runs), dtype=bool)
    for tick in range(ticks):
        left = np.where(begins[tick], np.maximum(left, lengths[tick]), left)
        active[tick] = left > 0
        left = np.maximum(left - 1, 0)
    return active


def _arm(rate: float, share: Vector, shapes: list[Vector], icc: float, rng: np.random.Generator) -> Arm:
    ticks, runs = share.shape
    total = rng.poisson(rate * TICK_SECONDS, (ticks, runs))
    if icc:
        size = 1 / icc - 1
        share = rng.beta(share * size, (1 - share) * size)
    errors = rng.binomial(total, share)
    buckets = np.stack([rng.multinomial(total[tick], shapes[tick]) for tick in range(ticks)])
    return Arm(total.astype(float), errors.astype(float), buckets.astype(float))


def quantile(buckets: Vector, percent: float) -> Vector:
    """Estimate a quantile from histogram counts as PromQL's ``histogram_quantile`` does: linear in the
    bucket.

    :param buckets: counts per bucket in the last axis.
    :param percent: the quantile, 0..100.
    :return: seconds; NaN without requests; the highest edge when the quantile lies in the open bucket.
    """
    cumulative = np.cumsum(buckets, axis=-1)
    total = cumulative[..., -1]
    rank = total * percent / 100
    index = np.minimum((cumulative < rank[..., None]).sum(axis=-1), len(EDGES))
    lower, upper = np.array([0.0, *EDGES]), np.array([*EDGES, EDGES[-1]])
    inside = np.take_along_axis(buckets, index[..., None], axis=-1)[..., 0]
    before = np.take_along_axis(cumulative, index[..., None], axis=-1)[..., 0] - inside
    part = (rank - before) / np.where(inside > 0, inside, 1)
    return np.asarray(np.where(total > 0, lower[index] + (upper[index] - lower[index]) * part, np.nan))
