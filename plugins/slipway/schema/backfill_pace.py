"""How many rows a backfill takes at once, so that a batch takes the time it should. Pure."""

from __future__ import annotations

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
        """Take note of how long a batch of this size took."""
        factor = min(max(self._seconds / max(seconds, 1e-9), _SLOWEST), _FASTEST)
        self._set(self.rows * factor)

    def failed(self) -> None:
        """Take note that a batch of this size did not go through: its rows were held, or it took too long."""
        self._set(self.rows * _SLOWEST)

    def _set(self, rows: float) -> None:
        self.rows = min(max(int(rows), 1), self._most)
