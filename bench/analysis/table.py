"""Prints the table, and marks every cell in which a peer that is no more trigger-happy does better."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

from slipway.analysis.statistics.share_test import Limits

from bench.analysis.cell import Cell, bound
from bench.analysis.methods import OURS, VARIANTS
from bench.analysis.scenarios import Scenario

#: (scenario, rate, method) to cell.
Cells = Mapping[tuple[str, float, str], Cell]

_WIDTH = 22


def at_rate(
    cells: Cells,
    scenarios: Sequence[Scenario],
    rate: float,
    names: Sequence[str],
    *,
    alpha: float,
    limits: Mapping[str, Limits],
) -> Iterator[str]:
    """Yield the lines of one rate.

    :param cells: the measured cells.
    :param scenarios: the simulated releases.
    :param rate: requests per second.
    :param names: the methods to compare.
    :param alpha: our error probability per metric and phase, for the bound on the delay.
    :param limits: our limits by key of the policy.
    """
    yield f"\n-- {rate:g} requests/s in total, {rate / 10:g} on the canary"
    yield from _false(cells, scenarios, rate, names)
    yield from _bad(cells, scenarios, rate, names, alpha, limits)


def losses(
    cells: Cells, scenarios: Sequence[Scenario], rates: Sequence[float], names: Sequence[str]
) -> Iterator[str]:
    """Yield one line per cell in which a peer with at most our false rollbacks does better, then the sum."""
    lost = compared = 0
    for rate in rates:
        ours = worst_false(cells, scenarios, rate, OURS)
        for name in names:
            theirs = worst_false(cells, scenarios, rate, name)
            if name == OURS or name in VARIANTS or any(t > o for t, o in zip(theirs, ours, strict=True)):
                continue
            for scenario in scenarios:
                if scenario.kind != "bad":
                    continue
                compared += 1
                better = _better(cells[scenario.name, rate, name], cells[scenario.name, rate, OURS])
                if better:
                    lost += 1
                    yield f"LOSES to {name} at {rate:g}/s, {scenario.name}: {'; '.join(better)}"
    yield (
        f"{lost} of {compared} comparisons lost to a peer whose false rollbacks, on good and on hold-band "
        "releases, are at most ours at that rate"
    )


def misses(
    cells: Cells, scenarios: Sequence[Scenario], rates: Sequence[float], names: Sequence[str]
) -> Iterator[str]:
    """Yield the cells in which any peer, however trigger-happy, promotes fewer bad releases, then the sum."""
    bad = [scenario.name for scenario in scenarios if scenario.kind == "bad"]
    peers = [name for name in names if name != OURS and name not in VARIANTS]
    for rate in rates:
        for name in bad:
            ours = cells[name, rate, OURS].promoted
            fewer = [peer for peer in peers if cells[name, rate, peer].promoted < ours]
            if fewer:
                yield f"MISSES {ours:.1f} % at {rate:g}/s, {name}: more than {', '.join(fewer)}"
    worst = max(cells[name, rate, OURS].promoted for rate in rates for name in bad)
    yield f"ours promotes at most {worst:.1f} % of the bad releases of any cell"


def worst_false(cells: Cells, scenarios: Sequence[Scenario], rate: float, name: str) -> tuple[float, float]:
    """Return the highest false-rollback percent on good and on hold-band releases."""
    good = max(cells[s.name, rate, name].rolled_back for s in scenarios if s.kind == "good")
    hold = max(cells[s.name, rate, name].rolled_back for s in scenarios if s.kind == "hold")
    return good, hold


def _better(theirs: Cell, ours: Cell) -> list[str]:
    pairs = {
        "promoted %": (theirs.promoted, ours.promoted),
        "median s": (theirs.median, ours.median),
        "p95 s": (theirs.p95, ours.p95),
        "exposed": (theirs.exposed, ours.exposed),
    }
    return [f"{what} {their:.0f} < {our:.0f}" for what, (their, our) in pairs.items() if their < our]


def _false(cells: Cells, scenarios: Sequence[Scenario], rate: float, names: Sequence[str]) -> Iterator[str]:
    yield _row("rolled back falsely % / promoted %", names)
    for scenario in scenarios:
        if scenario.kind == "bad":
            continue
        row = [cells[scenario.name, rate, name] for name in names]
        yield _row(scenario.name, [f"{cell.rolled_back:.1f} / {cell.promoted:.0f}" for cell in row])


def _bad(
    cells: Cells,
    scenarios: Sequence[Scenario],
    rate: float,
    names: Sequence[str],
    alpha: float,
    limits: Mapping[str, Limits],
) -> Iterator[str]:
    yield _row("promoted % . median/p95 s . exposed", names)
    for scenario in scenarios:
        if scenario.kind != "bad":
            continue
        row = [_bad_text(cells[scenario.name, rate, name]) for name in names]
        ratio = _ratio(cells[scenario.name, rate, OURS], scenario, alpha, limits)
        yield _row(scenario.name, row) + ratio


def _bad_text(cell: Cell) -> str:
    early = f" ({cell.early:.0f}% early)" if cell.early >= 1 else ""
    return f"{cell.promoted:.0f}. {_seconds(cell.median)}/{_seconds(cell.p95)} .{cell.exposed:.0f}{early}"


def _ratio(cell: Cell, scenario: Scenario, alpha: float, limits: Mapping[str, Limits]) -> str:
    """Return our exposed requests as multiples of Wald's bound, against the guard and the trigger as null."""
    if not scenario.is_independent:
        return ""
    share, of_metric = bad_share(scenario, limits)
    against = [cell.exposed / bound(share, null, alpha) for null in (of_metric.null, of_metric.trigger)]
    return f"  {against[0]:.1f}x bound (guard), {against[1]:.1f}x (trigger)"


def bad_share(scenario: Scenario, limits: Mapping[str, Limits]) -> tuple[float, Limits]:
    """Return the share of bad requests after the onset, and the limits of the metric that it hits.

    :param scenario: the simulated release.
    :param limits: by key of the policy.
    :raises ValueError: for a scenario that has no constant bad share.
    """
    if scenario.bad_errors is not None:
        return scenario.bad_errors, limits["error_rate"]
    if scenario.bad_latency is None:
        raise ValueError(f"scenario {scenario.name}: neither errors nor latency are bad; has no bound")
    return scenario.bad_latency.over(2.0), limits["latency_p95"]


def _seconds(value: float) -> str:
    return "-" if math.isinf(value) else f"{value:.0f}"


def _row(title: str, texts: Sequence[str]) -> str:
    return f"{title[:54]:<55}" + "".join(f"{text[: _WIDTH - 1]:<{_WIDTH}}" for text in texts)
