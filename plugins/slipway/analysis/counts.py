"""Evidence: the events at each revision between two checks, as counts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from slipway.analysis.counter_series import CounterSeries

#: One reading of a query: label set of a series to its cumulative value.
Reading = Mapping[str, float]


@dataclass(frozen=True)
class Counts:
    """Events of one metric at one revision during one interval.

    :param total: all events.
    :param over_target: events that count against the target (errors; requests slower than the target limit).
    :param over_trigger: events that count against the trigger (errors; requests slower than its limit).
    :param odd: why the interval is no evidence although the source answered; empty when nothing is odd.
    :param unanswered: why the source gave no answer for this metric; the next interval covers the gap.
    """

    total: float = 0
    over_target: float = 0
    over_trigger: float = 0
    odd: str = field(default="", kw_only=True)
    unanswered: str = field(default="", kw_only=True)

    def __add__(self, other: Counts) -> Counts:
        return Counts(
            self.total + other.total,
            self.over_target + other.over_target,
            self.over_trigger + other.over_trigger,
            odd=self.odd or other.odd,
            unanswered=self.unanswered or other.unanswered,
        )

    @property
    def is_possible(self) -> bool:
        """False for counts that contradict each other, as torn scrapes can make them."""
        return 0 <= self.over_trigger <= self.over_target <= self.total


@dataclass
class Increments:
    """Turns cumulative readings into increments, series by series (see :class:`CounterSeries`).

    A series that is new counts from zero; one that is gone for a while keeps its last value. So neither a
    restarted instance nor a new one is counted twice or backwards.
    """

    series: dict[str, CounterSeries] = field(default_factory=dict)
    at: float = 0.0

    def since(self, reading: Reading, *, at: float | None = None) -> float:
        """Return the events since the reading before.

        :param reading: cumulative value per series.
        :param at: moment of the reading, in seconds; left out, a second after the one before.
        :return: number of events.
        """
        self.at = self.at + 1 if at is None else at
        total = 0.0
        for name, value in reading.items():
            known = self.series.get(name)
            if known is None:
                self.series[name] = CounterSeries(value, at=self.at)
                total += value
            else:
                total += known.since(value, at=self.at)
        return total

    def is_behind(self, reading: Reading) -> bool:
        """Tell whether a series is a little below an earlier value, so that its last events are missing.

        :param reading: the last one.
        """
        return any(self.series[name].is_below for name in reading)

    def oddities(self, reading: Reading) -> list[str]:
        """Name the series of a reading that are no counters.

        :param reading: the last one.
        """
        return [name for name in reading if self.series[name].is_no_counter]
