"""Cloud Run's memory metric: a distribution over the instances, sampled again and again."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator

from sandbox.cloud.data_plane.request_metrics import labels_text

UTILIZATIONS = "run_googleapis_com:container_memory_utilizations"
#: Hundredths of the memory limit.
EDGES = tuple(number / 100 for number in range(1, 101))


class MemoryMetrics:
    """Adds a sample of every instance to its revision's distribution each time that it is asked.

    :param measure: yields, per instance, its revision's full name and its resident memory as a part of its
        limit.
    """

    def __init__(self, measure: Callable[[], Iterable[tuple[str, float]]]) -> None:
        self._measure = measure
        self._buckets: dict[str, list[int]] = {}
        self._sums: dict[str, float] = {}

    def exposition(self) -> Iterator[str]:
        """Take a sample; lines of the Prometheus text format."""
        for revision, part in self._measure():
            counted = self._buckets.setdefault(revision, [0] * (len(EDGES) + 1))
            counted[bisect_left(EDGES, part)] += 1
            self._sums[revision] = self._sums.get(revision, 0.0) + part
        yield f"# HELP {UTILIZATIONS} Memory in use as a part of the limit, over the revision's instances."
        yield f"# TYPE {UTILIZATIONS} histogram"
        for revision, counted in self._buckets.items():
            total = 0
            for edge, count in zip((*map(str, EDGES), "+Inf"), counted, strict=True):
                total += count
                yield f"{UTILIZATIONS}_bucket{labels_text(revision, le=edge)} {total}"
            yield f"{UTILIZATIONS}_sum{labels_text(revision)} {self._sums[revision]}"
            yield f"{UTILIZATIONS}_count{labels_text(revision)} {total}"
