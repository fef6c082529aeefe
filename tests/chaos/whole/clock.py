"""A worker whose clock is wrong: a process in which everything of Slipway reads another time."""

from __future__ import annotations

import sys
import time
from datetime import datetime, timedelta, tzinfo
from typing import Self


def step(seconds: float) -> None:
    """Set this process's clock; what measures durations goes on as it was.

    :param seconds: ahead, or behind when negative.
    """
    right = time.time

    class Wrong(datetime):
        """Moments by the wrong clock."""

        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Self:
            """Return the present, as the clock has it."""
            return super().now(tz) + timedelta(seconds=seconds)

    for name, module in list(sys.modules.items()):
        if name.startswith("slipway.") and getattr(module, "datetime", None) is datetime:
            module.datetime = Wrong  # type: ignore[attr-defined]
    time.time = lambda: right() + seconds
