"""Waiting for conditions: a test says what must come, and the bound only ends what never does."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

Value = TypeVar("Value")

BOUND_SECONDS = 60.0
"""Far longer than anything takes, also on a machine with other things to do."""
_POLL_SECONDS = 0.05


def until(condition: Callable[[], Value], what: str, seconds: float = BOUND_SECONDS) -> Value:
    """Wait until a condition holds.

    :param condition: asked again and again.
    :param what: what is waited for, for the error.
    :param seconds: how long it is waited for.
    :return: what the condition answered.
    :raises TimeoutError: when it never held.
    """
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {seconds:g} s")
        time.sleep(_POLL_SECONDS)
    return value
