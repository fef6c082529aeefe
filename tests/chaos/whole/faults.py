"""What fails: a server, a task's process, its network or its clock, at a moment that a seed draws."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.chaos.whole.installation import Installation, Ways
    from tests.chaos.whole.rollups import RolledUp
    from tests.chaos.whole.tasks import Run

LEDGER, PRODUCT, WAREHOUSE = "ledger's PostgreSQL", "product's PostgreSQL", "ClickHouse"
METRICS, CLOUD, PLANE = "Prometheus", "Cloud Run and object store", "data plane"
SLOW, CUT, SILENT, GONE = "network slow", "network cut", "network silent", "network cut for good"
KILLED, STORE, AHEAD, BEHIND = "SIGKILL of the process", "object store silent", "clock ahead", "clock behind"
OF_EVERYTHING = tuple(f"SIGKILL of {name}" for name in (LEDGER, METRICS, CLOUD, PLANE)) + tuple(
    f"disk of {name} full" for name in (LEDGER, METRICS)
)
"""Faults of a server, which everything under way meets."""
OF_ROLLUPS = tuple(
    f"{what}" for name in (PRODUCT, WAREHOUSE) for what in (f"SIGKILL of {name}", f"disk of {name} full")
)
"""Faults of a server that rollups alone depend on."""
OF_ONE = (KILLED, SLOW, CUT, SILENT, GONE, STORE, AHEAD, BEHIND)
"""Faults that each release, and each rollup, has of its own."""
_NOT_OF_ROLLUPS = (METRICS, CLOUD, PLANE, STORE, AHEAD, BEHIND)
#: Until everything that a run does by itself is over.
_LASTING, _LASTING_SECONDS = (GONE, STORE, AHEAD, BEHIND), 600.0
#: Of how many messages one is drawn, by what sends them.
MESSAGES = {"good": 1100, "bad": 600, "rollback": 200, "rollup": 150}


@dataclass(frozen=True)
class Drawn:
    """A fault as the seed has drawn it.

    :param number: before which message of its release it happens, counted from the first.
    :param seconds: how long it lasts.
    """

    name: str
    number: int
    seconds: float

    def __str__(self) -> str:
        return f"{self.name} before message {self.number}, for {self.seconds:.1f} s"


def draw(name: str, kind: str, dice: random.Random) -> Drawn:
    """Draw when a fault happens, and for how long.

    :param name: the fault.
    :param kind: of release, or ``rollup``.
    :param dice: draws.
    """
    seconds = dice.uniform(0.2, 3.0)
    return Drawn(name, dice.randint(1, MESSAGES[kind]), _LASTING_SECONDS if name in _LASTING else seconds)


def concerns(name: str, kind: str) -> bool:
    """Tell whether a fault is one for what is under way.

    :param name: the fault.
    :param kind: of release, or ``rollup``.
    """
    if kind == "rollup":
        return not name.endswith(_NOT_OF_ROLLUPS) and METRICS not in name
    return name not in OF_ROLLUPS


class Happening:
    """A fault that happens, and ends.

    :param fault: the fault.
    :param begin: begins it.
    :param end: ends it; called in a thread of its own.
    """

    def __init__(self, fault: Drawn, begin: Callable[[], object], end: Callable[[], object]) -> None:
        self.fault, self._begin, self._end = fault, begin, end
        self.began: float | None = None
        self.ended: float | None = None
        self._error: Exception | None = None
        self._over = threading.Event()
        self._lock = threading.Lock()

    def happen(self) -> None:
        """Begin it, once."""
        with self._lock:
            if self.began is not None:
                return
            self.began = time.time()
        try:
            self._begin()
        except Exception as error:  # noqa: BLE001 - this is a thread of the network
            self._error = error
        finally:
            threading.Thread(target=self._last).start()

    def happened_before(self, moment: float) -> bool:
        """Tell whether it had begun by then.

        :param moment: Unix time.
        """
        return self.began is not None and 0.0 < self.began < moment

    def _last(self) -> None:
        self._over.wait(self.fault.seconds)
        try:
            self._end()
        except Exception as error:  # noqa: BLE001 - this is a thread of its own
            self._error = self._error or error
        finally:
            self.ended = time.time()
            self._over.set()

    def finish(self) -> None:
        """End it now, and wait until it has ended; one that has not begun never does.

        :raises Exception: what kept it from beginning or ending.
        """
        with self._lock:
            if self.began is None:
                self.began = self.ended = 0.0
                return
        self._over.set()
        while self.ended is None:
            time.sleep(0.01)
        if self._error is not None:
            raise self._error


def of_server(fault: Drawn, installation: Installation) -> Happening:
    """Make a fault of a server.

    :param fault: the fault.
    :param installation: where the server is.
    """
    if fault.name.startswith("disk of "):
        server = installation.servers[fault.name.removeprefix("disk of ").removesuffix(" full")]
        return Happening(fault, server.fill_disk, server.free_disk)
    if fault.name.endswith(PLANE):
        return Happening(fault, lambda: installation.cloud.kill_part("haproxy"), installation.cloud.start)
    server = installation.servers[fault.name.removeprefix("SIGKILL of ")]
    return Happening(fault, server.kill, server.start)


def of_one(fault: Drawn, ways: Ways, run: Run | RolledUp, installation: Installation) -> Happening:
    """Make a fault of one release, or one rollup.

    :param fault: the fault.
    :param ways: its ways to what it depends on.
    :param run: its run.
    :param installation: has the network.
    """
    network = installation.network

    def set_all(**how: object) -> Callable[[], object]:
        return lambda: network.set(ways.all, **how)

    heal = set_all()
    if fault.name == KILLED:
        return Happening(fault, run.kill, lambda: None)
    if fault.name in (AHEAD, BEHIND):
        # A rollup's day is what was asked for.
        assert hasattr(run, "step_clock")
        seconds, step_clock = 3600.0 if fault.name == AHEAD else -3600.0, run.step_clock
        return Happening(fault, lambda: step_clock(seconds), lambda: step_clock(0.0))
    if fault.name == STORE:
        return Happening(fault, lambda: network.set([ways.storage], silent=True), heal)
    begins = {SLOW: set_all(delay=0.05), CUT: set_all(cut=True), SILENT: set_all(silent=True)}
    # What is cut for good comes back when everything that a run does by itself is over.
    return Happening(fault, begins.get(fault.name, set_all(cut=True)), heal)
