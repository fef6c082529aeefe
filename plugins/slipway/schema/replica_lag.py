"""How far behind a replica is, also while it replays nothing. Pure."""

from __future__ import annotations

from collections import deque


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
        """
        while self._ahead and self._ahead[0][1] <= replayed:
            self._ahead.popleft()
        if written > replayed and (not self._ahead or self._ahead[-1][1] < written):
            self._ahead.append((now, written))
        return now - self._ahead[0][0] if self._ahead else 0.0
