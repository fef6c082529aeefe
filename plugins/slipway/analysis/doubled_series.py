"""One counter that arrives as several series, so that every event would count several times."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import combinations

#: A series of an answer: its labels and its value.
Labelled = tuple[Mapping[str, str], float]

#: Labels that name who collected a series, not what it is about.
_COLLECTOR = re.compile(r"replica|collector|scraper|^(exported_)?prometheus|^monitor$|^(vm)?agent$|^receive")
#: Labels that name the process: two of them may count the same by chance.
_PROCESS = re.compile(r"instance|pod|container|host|node|^(job|task|pid|process|worker)$")
#: A value that two counters have at the same time only by chance, and at how many readings in a row.
_MANY, _READINGS = 50.0, 3
#: So many series with one value are no pairs; comparing each with each would take the time of a check.
_ALIKE = 50


class DoubledSeries:
    """Finds series that count the same events.

    Series of one process that differ only in labels of a collector or a replica are found at once. Others
    that differ in one label are found when they have the same value, of 50 or more, at three readings in a
    row between which it rose.
    """

    def __init__(self) -> None:
        self._same: dict[tuple[str, str], list[float]] = {}

    def found(self, series: Sequence[Labelled]) -> str:
        """Name what is counted twice in a reading; empty when nothing is.

        :param series: the labels and the value of every series of one query and one revision.
        """
        collected: dict[tuple[str, ...], list[Mapping[str, str]]] = defaultdict(list)
        for labels, _ in series:
            kept = _without_collector(frozenset(labels))
            collected[*kept, *(labels[name] for name in kept)].append(labels)
        for twice in collected.values():
            if len(twice) > 1:
                name = written({name: twice[0][name] for name in _without_collector(frozenset(twice[0]))})
                return f"{name} is counted {len(twice)} times, with {_differing(twice)}"
        same = {(written(one), written(two)): (one, two, value) for one, two, value in _same(series)}
        for pair in list(self._same):
            if pair not in same:
                del self._same[pair]
        for pair, (one, two, value) in same.items():
            values = self._same.setdefault(pair, [])
            if not values or value > values[-1]:
                values.append(value)
            if len(values) >= _READINGS:
                return f"{written(one)} is counted twice, with {_differing([one, two])}"
        return ""


def _same(series: Sequence[Labelled]) -> Iterator[tuple[Mapping[str, str], Mapping[str, str], float]]:
    """Yield the pairs of series that have the same value and differ in one label that is no process's."""
    by_value: dict[tuple[float | str, ...], list[Mapping[str, str]]] = defaultdict(list)
    for labels, value in series:
        if value >= _MANY:
            process = _process_labels(frozenset(labels))
            by_value[value, *process, *(labels[name] for name in process)].append(labels)
    for (same, *_), alike in by_value.items():
        if len(alike) > _ALIKE:
            continue
        for one, two in combinations(alike, 2):
            differing = {name for name in one.keys() | two.keys() if one.get(name) != two.get(name)}
            if len(differing) == 1:
                yield one, two, float(same)


@lru_cache
def _process_labels(names: frozenset[str]) -> tuple[str, ...]:
    """Return the names of labels that say which process a series is of."""
    return tuple(sorted(name for name in names if _PROCESS.search(name)))


@lru_cache
def _without_collector(names: frozenset[str]) -> tuple[str, ...]:
    """Leave out the names of labels that say who collected a series."""
    collector = {name for name in names if _COLLECTOR.search(name)}
    if "exported_instance" in names:
        collector |= {"instance", "job"}
    elif "instance" in names:
        collector.add("job")
    return tuple(sorted(names - collector))


def written(labels: Mapping[str, str]) -> str:
    """Write a series as PromQL does.

    :param labels: of the series.
    """
    shown = ",".join(f'{name}="{labels[name]}"' for name in sorted(labels) if name != "__name__")
    return f"{labels.get('__name__', '')}{{{shown}}}"


def _differing(twice: Sequence[Mapping[str, str]]) -> str:
    names = sorted({name for labels in twice for name in labels})
    values = {name: sorted({labels.get(name, "") for labels in twice}) for name in names}
    return ", ".join(f"{name} {' and '.join(found)}" for name, found in values.items() if len(found) > 1)
