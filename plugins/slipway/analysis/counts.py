"""Evidence: the events at each revision between two checks, as counts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from slipway.analysis.counter_series import CounterSeries, fits_better

#: One reading of a query: label set of a series to its cumulative value.
Reading = Mapping[str, float]
#: A series that was there within so many readings should be there.
_RECENT = 40


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

    A series that is gone for a while keeps its last value, and goes on under another name when one that comes
    fits better as its continuation. So neither a restarted instance nor a new one is counted twice or
    backwards.

    :param series: by name.
    :param at: moment of the last reading, in seconds.
    :param rises: events of each known series between the last two readings.
    """

    series: dict[str, CounterSeries] = field(default_factory=dict)
    at: float = 0.0
    rises: dict[str, float] = field(default_factory=dict)
    _reading: int = 0
    _seen: dict[str, int] = field(default_factory=dict)

    def since(self, reading: Reading, *, at: float | None = None) -> float:
        """Return the events since the reading before; a new series counts from zero.

        :param reading: cumulative value per series.
        :param at: moment of the reading, in seconds; left out, a second after the one before.
        :return: number of events.
        """
        moment = self.at + 1 if at is None else at
        return self.rise(reading, at=moment) + self.begin(reading)

    def rise(self, reading: Reading, *, at: float) -> float:
        """Return the events of the series that are known.

        :param reading: cumulative value per series.
        :param at: moment of the reading, in seconds.
        """
        seconds, self.at = at - self.at, at
        self._reading += 1
        for name in self.unknown(reading):
            self._rename(name, reading, seconds)
        known = [name for name in reading if name in self.series]
        self._seen |= dict.fromkeys(known, self._reading)
        self.rises = {name: self.series[name].since(reading[name], at=at) for name in known}
        return sum(self.rises.values())

    def begin(self, reading: Reading, *, within: float | None = None) -> float:
        """Take the unknown series of a reading into account.

        :param reading: the last one.
        :param within: seconds in which their events happened if they began at zero; the next reading decides
            whether that is possible. None counts them now.
        :return: number of events.
        """
        new = self.unknown(reading)
        for name in new:
            self.series[name] = CounterSeries(reading[name], at=self.at, within=within)
            self._seen[name] = self._reading
        return 0.0 if within is not None else sum(reading[name] for name in new)

    def unknown(self, reading: Reading) -> list[str]:
        """Name the series of a reading that no reading had before.

        :param reading: cumulative value per series.
        """
        return [name for name in reading if name not in self.series]

    def missing(self, reading: Reading) -> int:
        """Count the series of the last readings that this one does not have.

        :param reading: the last one.
        """
        recent = (name for name, number in self._seen.items() if self._reading - number < _RECENT)
        return sum(name not in reading for name in recent)

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

    def _rename(self, name: str, reading: Reading, seconds: float) -> None:
        """Go on with a series that has just gone under the name of the one that came in its place."""
        value = reading[name]
        gone = [
            (series.value, old)
            for old, series in self.series.items()
            if old not in reading
            and self._reading - self._seen[old] <= 2
            and series.value <= value
            and fits_better(value - series.value, value, series.pace * seconds)
        ]
        if gone:
            _, old = max(gone)
            self.series[name] = self.series.pop(old)
            self._seen[name] = self._seen.pop(old)
