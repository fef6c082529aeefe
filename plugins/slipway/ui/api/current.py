"""Releases as they are on record now, read once for all viewers and only as far as something has changed."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from threading import Lock
from time import monotonic
from typing import Generic, TypeVar

Value = TypeVar("Value")


@dataclass
class _Kept(Generic[Value]):
    value: Value
    version: Hashable
    checked: float


class Shared(Generic[Value]):
    """Values by name that are made again when their version has changed, and checked at most so often.

    :param fresh_seconds: a value is returned unchecked for this long.
    :param most: values that are kept; those that were not asked for longest go first.
    """

    def __init__(self, *, fresh_seconds: float, most: int) -> None:
        self._fresh_seconds, self._most = fresh_seconds, most
        self._kept: OrderedDict[str, _Kept[Value]] = OrderedDict()
        self._lock = Lock()
        self._making: dict[str, Lock] = {}

    def get(self, name: str, version: Callable[[], Hashable], make: Callable[[], Value]) -> Value:
        """Return a value; several who ask at the same time wait for one of them to make it.

        :param name: of the value.
        :param version: returns what must be equal for a value to be kept.
        :param make: makes the value.
        """
        with self._lock:
            making = self._making.setdefault(name, Lock())
        try:
            with making:
                return self._fresh(name, version, make)
        finally:
            with self._lock:
                if name not in self._kept:
                    self._making.pop(name, None)

    def _fresh(self, name: str, version: Callable[[], Hashable], make: Callable[[], Value]) -> Value:
        """Return a value that is as it should be now."""
        kept, now = self._kept.get(name), monotonic()
        if kept is None or now - kept.checked >= self._fresh_seconds:
            found = version()
            if kept is None or kept.version != found:
                kept = _Kept(make(), found, now)
            kept.checked = now
        self._keep(name, kept)
        return kept.value

    def _keep(self, name: str, kept: _Kept[Value]) -> None:
        with self._lock:
            self._kept[name] = kept
            self._kept.move_to_end(name)
            while len(self._kept) > self._most:
                gone, _ = self._kept.popitem(last=False)
                self._making.pop(gone, None)
