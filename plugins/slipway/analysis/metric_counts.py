"""The events of one metric at one revision, from its cumulative readings."""

from __future__ import annotations

import math
from collections.abc import Mapping

from slipway.analysis.counts import Counts, Increments, Reading
from slipway.policy.metrics import BandMetric, LevelMetric, Metric, ZeroMetric

#: Counts may contradict each other for so many readings before that is named.
_TORN = 3
_WITHIN = ("within_target", "within_trigger")


class MetricCounts:
    """Counts one metric at one revision, reading by reading.

    While the source is behind with one of the series, the events are carried over to the next reading: a
    bucket without its last requests would make slow ones of them. So are events that contradict each other.

    :param metric: of the policy.
    """

    def __init__(self, metric: Metric) -> None:
        self._metric = metric
        self._parts: dict[str, Increments] = {}
        self._carried = Counts()
        self._torn = 0

    def since(self, readings: Mapping[str, Reading], *, at: float) -> Counts:
        """Return the events since the reading before; the first reading is the starting point.

        :param readings: of every part of the metric, such as ``total`` and ``within_target``.
        :param at: moment of the readings, in seconds.
        :return: the events; without any, and with the reason, when the readings are no evidence.
        """
        if isinstance(self._metric, LevelMetric):
            return _level(self._metric, readings["level"])
        impossible = {
            name: value
            for reading in readings.values()
            for name, value in reading.items()
            if not (math.isfinite(value) and value >= 0)
        }
        if impossible:
            name, value = next(iter(impossible.items()))
            return Counts(odd=f"{name} is {value:g}, which no counter can be")
        if readings.get("total") and not all(readings.get(part, True) for part in _WITHIN):
            # Without the bucket every request would count as slow: it is no evidence instead.
            return Counts()
        is_first = not self._parts
        increments = {
            part: self._parts.setdefault(part, Increments()).since(reading, at=at)
            for part, reading in readings.items()
        }
        odd = [name for part, reading in readings.items() for name in self._parts[part].oddities(reading)]
        if odd:
            return Counts(odd=_no_counter(dict.fromkeys(odd)))
        if is_first:
            return Counts()
        if isinstance(self._metric, ZeroMetric):
            return Counts(len(readings["over_trigger"]), 0, increments["over_trigger"])
        return self._settled(
            self._carried + _counts(increments),
            is_behind=any(self._parts[part].is_behind(reading) for part, reading in readings.items()),
        )

    def _settled(self, counts: Counts, *, is_behind: bool) -> Counts:
        """Return the counts, or carry them over to the next reading."""
        is_possible = isinstance(self._metric, BandMetric) or counts.is_possible
        if is_possible and not is_behind:
            self._carried, self._torn = Counts(), 0
            return counts
        self._carried, self._torn = counts, self._torn + 1
        if self._torn < _TORN or is_behind:
            return Counts()
        if self._torn >= 2 * _TORN:
            self._carried, self._torn = Counts(), 0
        return Counts(
            odd=f"the counters contradict each other: of {counts.total:g} events {counts.over_target:g} are "
            f"over the target and {counts.over_trigger:g} over the trigger"
        )


def _level(metric: LevelMetric, reading: Reading) -> Counts:
    """Return a level as counts: it has no increments, and its first reading counts."""
    levels = [value for value in reading.values() if value > -math.inf]
    return Counts(len(levels), max(levels, default=0.0), sum(level > metric.limit for level in levels))


def _counts(increments: Mapping[str, float]) -> Counts:
    total = increments["total"]
    if "within_target" in increments:
        return Counts(total, total - increments["within_target"], total - increments["within_trigger"])
    return Counts(total, increments["over_target"], increments.get("over_trigger", 0.0))


def _no_counter(names: Mapping[str, None]) -> str:
    first, *others = names
    more = f" (and {len(others)} more)" if others else ""
    return f"{first}{more} falls again and again without a restart: several processes answer in turns"
