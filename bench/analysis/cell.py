"""One cell of the table: a method on a scenario at a rate."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from bench.analysis.outcome import Outcome
from bench.analysis.scenarios import TICK_SECONDS, TICKS, Scenario
from bench.analysis.traffic import Traffic

_HOUR = float(TICKS * TICK_SECONDS)


@dataclass(frozen=True)
class Cell:
    """What is reported of a method.

    :param rolled_back: percent of the runs rolled back; of a good or hold release these are false.
    :param early: percent rolled back before the onset of what is bad: false too.
    :param promoted: percent promoted; of a bad release these are misses.
    :param median: seconds from the onset to the rollback; infinite when fewer than half were rolled back.
    :param p95: the same for 95 % of the runs.
    :param exposed: mean canary requests between the onset and the rollback, or the end of the hour.
    """

    rolled_back: float
    early: float
    promoted: float
    median: float
    p95: float
    exposed: float


def ending(cell: Cell) -> str:
    """Return how the releases of a cell end: promoted, rolled back and held percent, and the median."""
    held = 100 - cell.promoted - cell.rolled_back
    median = "-" if math.isinf(cell.median) else f"{cell.median:.0f}"
    return f"{cell.promoted:.1f} / {cell.rolled_back:.1f} / {held:.1f}, {median}"


def measure(outcome: Outcome, traffic: Traffic, scenario: Scenario) -> Cell:
    """Reduce the runs of a cell to what is reported."""
    at = outcome.rolled_back_at
    is_early = at <= scenario.onset
    delay = np.where(is_early, 0.0, at - scenario.onset)
    return Cell(
        100 * float(np.isfinite(at).mean()),
        100 * float((is_early & (scenario.onset > 0)).mean()),
        100 * float(outcome.promoted.mean()),
        float(np.quantile(delay, 0.5, method="higher")),
        float(np.quantile(delay, 0.95, method="higher")),
        float(_exposed(at, traffic, scenario).mean()),
    )


def _exposed(at: np.ndarray, traffic: Traffic, scenario: Scenario) -> np.ndarray:
    served = np.vstack([np.zeros(len(at)), np.cumsum(traffic.canary.total, axis=0)])
    columns = np.arange(len(at))

    def until(seconds: np.ndarray) -> np.ndarray:
        tick = np.clip(seconds, 0, _HOUR) / TICK_SECONDS
        return np.asarray(served[np.ceil(tick).astype(int), columns])

    onset = np.full(len(at), scenario.onset)
    ended = until(np.where(np.isinf(at), _HOUR, at))
    return np.asarray(np.maximum(ended - until(onset), 0))


def bound(share: float, null: float, alpha: float) -> float:
    """Return Wald's bound on the mean number of requests of any test of level alpha (Wald, 1945).

    ``log(1 / alpha) / KL(share || null)``

    :param share: true share of bad requests.
    :param null: share that the test must not reject.
    :param alpha: probability of rejecting the null when it holds.
    """
    divergence = share * math.log(share / null) + (1 - share) * math.log((1 - share) / (1 - null))
    return math.log(1 / alpha) / divergence
