"""Starting the sandbox: every part as soon as what it needs is ready, all of them supervised together."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Mapping

import psutil

from sandbox.databases import prometheus, redis
from sandbox.supervisor import credentials, ports, records, shutdown
from sandbox.supervisor.display import Display
from sandbox.supervisor.plan import Part
from sandbox.supervisor.processes import POLL_SECONDS, Program, ended, launch, not_ready
from sandbox.supervisor.settings import Settings

WATCH_SECONDS = 1.0
Process = subprocess.Popen[bytes]


class RefusedError(RuntimeError):
    """The sandbox cannot be started as things are; the message says what to do."""


def prepare(settings: Settings) -> None:
    """Make sure that nothing stands in the way, clear what a dead run left, make the credentials.

    :param settings: where the sandbox lives, and its ports.
    :raises RefusedError: when this sandbox runs already or its folder is something else's.
    :raises PortsInUseError: when ports are taken.
    """
    alive = shutdown.members(settings)
    if alive:
        raise RefusedError(
            f"{len(alive)} processes of the sandbox in {settings.home} are running. "
            "End them with `make down` (python -m sandbox down) first."
        )
    if settings.home.exists() and not shutdown.is_home(settings.home):
        raise RefusedError(
            f"{settings.home}: holds files of something else. "
            "Set SLIPWAY_HOME to a folder of the sandbox's own."
        )
    ports.require_free(settings)
    # What an earlier run left when the machine went down, or a failed start left for reading its logs.
    shutdown.remove(settings)
    settings.home.mkdir(parents=True)
    credentials.create(settings)


def up(settings: Settings, display: Display, parts: Mapping[str, Part]) -> Startup:
    """Start the sandbox in the folder that ``prepare`` made.

    :param settings: where the sandbox lives, and its ports.
    :param display: where progress is shown.
    :param parts: what to start, by name.
    :return: what was started.
    :raises StartError: as soon as a process dies, or when one is not ready within its bound.
    :raises ServerMissingError: when Prometheus or Redis is not installed and cannot be downloaded.
    """
    with display.step("find prometheus"):
        prometheus.executable()
    with display.step("find redis"):
        redis.executable()
    startup = Startup(settings, display)
    startup.run(parts)
    return startup


class Startup:
    """The processes of one start.

    They outlive it: ending them is the shutdown's work.

    :param settings: the sandbox.
    :param display: where to show the steps.
    """

    def __init__(self, settings: Settings, display: Display) -> None:
        self.processes: list[Process] = []
        self._settings = settings
        self._display = display
        self._starting: dict[str, tuple[Program, Process, float]] = {}
        self._running: dict[str, tuple[Program, Process]] = {}
        self._ready: set[str] = set()

    def run(self, parts: Mapping[str, Part]) -> None:
        """Start the parts, each once those it comes after are ready, and wait until all are.

        :param parts: the parts to start, by name.
        :raises StartError: as soon as a process dies, or when one is not ready within its bound.
        :raises ValueError: when parts wait for each other, or for one that is not there.
        """
        waiting = dict(parts)
        while waiting or self._starting:
            due = [name for name, part in waiting.items() if self._ready.issuperset(part.after)]
            if not due and not self._starting:
                raise ValueError(f"parts that can never start: {sorted(waiting)}")
            for name in due:
                self._start(name, waiting.pop(name).make())
            self._watch()
            time.sleep(POLL_SECONDS)

    def watch_forever(self) -> None:
        """Stay as long as every process does.

        :raises StartError: as soon as one ends.
        """
        while True:
            self._watch()
            time.sleep(WATCH_SECONDS)

    def _start(self, name: str, program: Program) -> None:
        self._display.begin(name)
        process = launch(program, self._settings)
        self.processes.append(process)
        created = psutil.Process(process.pid).create_time()
        record = records.Record(program.name, process.pid, created, int(program.stop_signal))
        records.append(self._settings, record)
        self._starting[name] = (program, process, time.monotonic())

    def _watch(self) -> None:
        for program, process in self._running.values():
            if process.poll() is not None:
                raise ended(program, process.returncode, self._settings)
        for name, (program, process, began) in list(self._starting.items()):
            # The order matters: a process that died must not be taken for ready because another answers.
            code = process.poll()
            if code is not None and (code != 0 or not program.ends):
                self._display.end(name, failed=True)
                raise ended(program, code, self._settings)
            if code == 0 if program.ends else program.ready():
                del self._starting[name]
                self._ready.add(name)
                self._display.end(name)
                if not program.ends:
                    self._running[name] = (program, process)
            elif time.monotonic() - began > program.bound:
                self._display.end(name, failed=True)
                raise not_ready(program, self._settings)
