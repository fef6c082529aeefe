"""The events of one metric at one revision, from its cumulative readings."""

from __future__ import annotations

import math
import re
from collections import deque
from collections.abc import Mapping
from functools import lru_cache
from statistics import median

from slipway.analysis.counter_series import FEW, is_possible
from slipway.analysis.counts import Counts, Increments, Reading
from slipway.policy.metrics import BandMetric, LevelMetric, Metric, QuantileMetric, ZeroMetric

#: Counts may contradict each other for so many readings before that is named.
_TORN = 3
#: Events are carried over for fewer readings than this; then they are given up.
MOST_CARRIED = 2 * _TORN
#: So many events of new series are possible where no pace is known.
_UNKNOWN_PACE = 100.0
_PACES = 8
#: When so many requests of an instance are slow and none is fast, the next reading must confirm it.
_ALL_SLOW = 5.0
_LABEL = re.compile(r'(\w+)="[^"]*"')
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
        self._at = 0.0
        self._paces: deque[float] = deque(maxlen=_PACES)

    def since(self, readings: Mapping[str, Reading], *, at: float, pace: float = 0.0) -> Counts:
        """Return the events since the reading before; the first reading is the starting point of a share.

        :param readings: of every part of the metric, such as ``total`` and ``within_target``.
        :param at: moment of the readings, in seconds.
        :param pace: events per second at the other revision, for what can have happened at a new instance.
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
        if isinstance(self._metric, ZeroMetric):
            # By value too: a breach may be all that a collector has of a counter, or older than the bake.
            breaches = self._parts.setdefault("over_trigger", Increments())
            reading = readings["over_trigger"]
            return Counts(len(reading), 0, breaches.since(reading, at=at))
        if readings.get("total") and not all(readings.get(part, True) for part in _WITHIN):
            # Without the bucket every request would count as slow: it is no evidence instead.
            return Counts()
        if not self._parts:
            for part, reading in readings.items():
                self._parts[part] = Increments()
                self._parts[part].since(reading, at=at)
            self._at = at
            return Counts()
        increments = self._increments(readings, at=at, pace=pace)
        odd = [name for part, reading in readings.items() for name in self._parts[part].oddities(reading)]
        if odd:
            return Counts(odd=_no_counter(dict.fromkeys(odd)))
        return self._settled(self._carried + _counts(increments), readings)

    @property
    def pace(self) -> float:
        """Events per second in the middle one of the last intervals; 0 where none is known."""
        return median(self._paces) if self._paces else 0.0

    def _increments(self, readings: Mapping[str, Reading], *, at: float, pace: float) -> dict[str, float]:
        """Return the events of each part: of known series, and of new ones where they are possible.

        Where one new series has more events than all known ones at their pace, none counts yet: the next
        reading tells whether they were there before.
        """
        seconds, self._at = at - self._at, at
        found = {part: self._parts[part].rise(reading, at=at) for part, reading in readings.items()}
        known = max(found.values()) / seconds if seconds > 0 else 0.0
        usual = max(known, self.pace, pace)
        new = {
            (part, name): reading[name]
            for part, reading in readings.items()
            for name in self._parts[part].unknown(reading)
        }
        few = FEW if usual else _UNKNOWN_PACE
        counts = all(is_possible(value, seconds, usual, few=few, faster=1.0) for value in new.values())
        for part, reading in readings.items():
            found[part] += self._parts[part].begin(reading, within=None if counts else seconds)
        if seconds > 0:
            self._paces.append(max(found.values()) / seconds)
        return found

    def _settled(self, counts: Counts, readings: Mapping[str, Reading]) -> Counts:
        """Return the counts, or carry them over to the next reading."""
        why = self._unsettled(counts, readings)
        if not why:
            self._carried, self._torn = Counts(), 0
            return counts
        self._carried, self._torn = counts, self._torn + 1
        if self._torn < _TORN:
            return Counts()
        if self._torn >= MOST_CARRIED:
            self._carried, self._torn = Counts(), 0
        return Counts(odd=why)

    def _unsettled(self, counts: Counts, readings: Mapping[str, Reading]) -> str:
        """Return why the source may be behind with one of the series; empty when it is not."""
        if any(self._parts[part].is_behind(reading) for part, reading in readings.items()):
            return "a counter is below its earlier value"
        missing = {part: self._parts[part].missing(reading) for part, reading in readings.items()}
        if isinstance(self._metric, QuantileMetric) and len(set(missing.values())) > 1:
            part = max(missing, key=missing.__getitem__)
            return f"{missing[part]} series of {part} are missing, and not of every part"
        if self._torn == 0 and self._has_stalled_bucket(readings):
            return "a bucket does not rise with its count"
        if isinstance(self._metric, BandMetric) or counts.is_possible:
            return ""
        return (
            f"the counters contradict each other: of {counts.total:g} events {counts.over_target:g} are over "
            f"the target and {counts.over_trigger:g} over the trigger"
        )

    def _has_stalled_bucket(self, readings: Mapping[str, Reading]) -> bool:
        """Tell whether no request of an instance was fast: either all are slow, or its bucket is late."""
        total = {_instance(name): rise for name, rise in self._parts["total"].rises.items()}
        return any(
            rise == 0 and total.get(_instance(name), 0.0) >= _ALL_SLOW
            for part in readings.keys() & set(_WITHIN)
            for name, rise in self._parts[part].rises.items()
        )


@lru_cache(maxsize=10_000)
def _instance(name: str) -> tuple[str, ...]:
    """Leave out of a series' name what differs between the count and the buckets of one histogram."""
    return tuple(label[0] for label in _LABEL.finditer(name) if label[1] != "le")


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
