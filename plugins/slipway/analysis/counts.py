"""Evidence: the events at each revision between two checks, as counts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

#: One reading of a query: label set of a series to its cumulative value.
Reading = Mapping[str, float]


@dataclass(frozen=True)
class Counts:
    """Events of one metric at one revision during one interval.

    :param total: all events.
    :param over_target: events that count against the target (errors; requests slower than the target limit).
    :param over_trigger: events that count against the trigger (errors; requests slower than its limit).
    """

    total: float = 0
    over_target: float = 0
    over_trigger: float = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(
            self.total + other.total,
            self.over_target + other.over_target,
            self.over_trigger + other.over_trigger,
        )

    @property
    def is_possible(self) -> bool:
        """False for counts that contradict each other, as torn scrapes can make them."""
        return 0 <= self.over_trigger <= self.over_target <= self.total


@dataclass
class Increments:
    """Turns cumulative readings into increments, series by series.

    A series that is new counts from zero; one whose value fell was restarted, and its value is the increment;
    one that is gone for a while keeps its last value. So neither a restarted instance nor a new one is
    counted twice or backwards.
    """

    last: dict[str, float] = field(default_factory=dict)

    def since(self, reading: Reading) -> float:
        """Return the events since the reading before.

        :param reading: cumulative value per series.
        :return: number of events.
        """
        total = 0.0
        for series, value in reading.items():
            before = self.last.get(series, 0.0)
            total += value - before if value >= before else value
            self.last[series] = value
        return total
