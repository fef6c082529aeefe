"""How much memory the whole sandbox takes."""

from __future__ import annotations

import threading

import psutil

from sandbox.supervisor.settings import Settings

_PAUSE_SECONDS = 10.0


class MemoryWatch:
    """Samples the proportional memory of every process of a sandbox and keeps the highest sum.

    :param settings: the sandbox; its processes carry its folder in their environment.
    """

    def __init__(self, settings: Settings) -> None:
        self._home = str(settings.home)
        self.peak_bytes = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> MemoryWatch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(_PAUSE_SECONDS)

    def _watch(self) -> None:
        while True:
            self.peak_bytes = max(self.peak_bytes, self._sum())
            if self._stop.wait(_PAUSE_SECONDS):
                return

    def _sum(self) -> int:
        total = 0
        for process in psutil.process_iter():
            try:
                if process.environ().get("SLIPWAY_HOME") == self._home:
                    total += process.memory_full_info().pss
            except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
                continue
        return total
