"""A bound on the time that one call with several steps may take."""

from __future__ import annotations

import time


class Deadline:
    """A moment by which something must be done.

    :param seconds: time from now, more than 0.
    :raises ValueError: when ``seconds`` is not more than 0.
    """

    def __init__(self, seconds: float) -> None:
        if not seconds > 0:
            raise ValueError(f"timeout={seconds}: must be more than 0 seconds")
        self.seconds = seconds
        self._at = time.monotonic() + seconds

    @property
    def remaining(self) -> float:
        """Seconds left, never below 0."""
        return max(0.0, self._at - time.monotonic())

    @property
    def passed(self) -> bool:
        """Whether no time is left."""
        return self.remaining <= 0

    def pause(self, seconds: float) -> None:
        """Sleep for ``seconds``, or for what is left when that is less."""
        time.sleep(min(seconds, self.remaining))
