"""How fast a backfill goes: rows of a batch, and how far behind a replica is. Pure."""

from __future__ import annotations

from collections import deque

_FIRST_ROWS = 500
_SLOWEST, _FASTEST = 0.5, 2.0


class BatchSize:
    """Follows what the batches take: a table, its cache and its load are never the same for long.

    Begins small, because nothing is known yet and a batch that is too big holds its rows for too long. One
    batch changes it by a factor of two at most.

    :param most: rows that a batch never exceeds.
    :param seconds: what a batch should take.
    """

    def __init__(self, *, most: int, seconds: float) -> None:
        self._most = most
        self._seconds = seconds
        self.rows = min(most, _FIRST_ROWS)

    def took(self, seconds: float) -> None:
        """Adapt to how long a batch of this size took.

        :param seconds: what it took.
        """
        factor = min(max(self._seconds / max(seconds, 1e-9), _SLOWEST), _FASTEST)
        self._set(self.rows * factor)

    def failed(self) -> None:
        """Halve the batch: its rows were locked, or it took too long."""
        self._set(self.rows * _SLOWEST)

    def _set(self, rows: float) -> None:
        self.rows = min(max(int(rows), 1), self._most)


class ReplicaLag:
    """Remembers when the primary was where, and so knows since when a replica has been behind that.

    A primary measures a replica's lag only when the replica gets on: one that is stuck keeps the lag that it
    had before.
    """

    def __init__(self) -> None:
        self._ahead: deque[tuple[float, int]] = deque()

    def seconds(self, now: float, *, written: int, replayed: int) -> float:
        """Return for how long the replica has been behind what the primary had written.

        :param now: seconds, of a clock that does not jump.
        :param written: the primary's position, in bytes.
        :param replayed: the replica's.
        :return: seconds.
        """
        while self._ahead and self._ahead[0][1] <= replayed:
            self._ahead.popleft()
        if written > replayed and (not self._ahead or self._ahead[-1][1] < written):
            self._ahead.append((now, written))
        return now - self._ahead[0][0] if self._ahead else 0.0
