"""Starting the sandbox: what is started, in which order, and what each waits for."""

from __future__ import annotations

import signal
import subprocess
import sys
import time

import psutil

from sandbox import credentials, ports, records, shutdown
from sandbox.airflow import components
from sandbox.databases import postgres, prometheus
from sandbox.display import Display
from sandbox.processes import POLL_SECONDS, Program, answers, ended, launch, not_ready
from sandbox.settings import HOST, Settings

Process = subprocess.Popen[bytes]


class RefusedError(RuntimeError):
    """The sandbox cannot be started as things are; the message says what to do."""


class Startup:
    """The processes of one start, watched together: when any of them dies, the start fails at once.

    :param settings: the sandbox.
    :param display: where to show the steps.
    """

    def __init__(self, settings: Settings, display: Display) -> None:
        self._settings = settings
        self._display = display
        self._starting: list[tuple[Program, Process, float]] = []
        self._ready: list[tuple[Program, Process]] = []

    def start(self, program: Program) -> None:
        """Start a program without waiting for it."""
        self._display.begin(program.name)
        process = launch(program, self._settings)
        created = psutil.Process(process.pid).create_time()
        record = records.Record(program.name, process.pid, created, int(program.stop_signal))
        records.append(self._settings, record)
        self._starting.append((program, process, time.monotonic()))

    def wait(self, *names: str) -> None:
        """Wait until the named programs (all that were started, by default) are ready.

        :raises StartError: when any process dies, or one is not ready within its bound.
        """
        while any(not names or program.name in names for program, _, _ in self._starting):
            self._look()
            time.sleep(POLL_SECONDS)

    def _look(self) -> None:
        for program, process in self._ready:
            if process.poll() is not None:
                raise ended(program, process.returncode, self._settings)
        for entry in list(self._starting):
            program, process, began = entry
            code = process.poll()
            if code is not None and (code != 0 or not program.ends):
                self._display.end(program.name, failed=True)
                raise ended(program, code, self._settings)
            if program.ends and code == 0:
                self._starting.remove(entry)
                self._display.end(program.name)
            elif not program.ends and program.ready():
                self._starting.remove(entry)
                self._ready.append((program, process))
                self._display.end(program.name)
            elif time.monotonic() - began > program.bound:
                self._display.end(program.name, failed=True)
                raise not_ready(program, self._settings)


def prepare(settings: Settings) -> None:
    """Make sure that nothing stands in the way, clear what a dead run left, make the credentials.

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


def up(settings: Settings, display: Display, *, airflow: bool) -> None:
    """Start the sandbox in the folder that ``prepare`` made.

    :param airflow: whether to start Airflow and the simulated users too, or the cloud alone.
    :raises StartError: when a process does not start.
    """
    run = Startup(settings, display)
    with display.step("prometheus package"):
        prometheus.executable()
    with display.step("postgres data"):
        database = postgres.program(settings)
    run.start(database)
    run.wait(database.name)
    postgres.create_databases(settings)
    run.start(cloud(settings))
    run.start(clickhouse(settings))
    run.start(prometheus.program(settings))
    if airflow:
        run.start(components.migration(settings))
        run.start(components.ledger_migration(settings))
    run.wait("cloud")
    with display.step("seed"):
        _seed(settings)
    run.wait()
    if airflow:
        run.start(users(settings))
        for program in components.components(settings):
            run.start(program)
        run.wait()


def cloud(settings: Settings) -> Program:
    """Return the Google Cloud stand-ins, the registry, the exporter and the data plane."""
    return Program(
        name="cloud",
        command=[sys.executable, "-m", "sandbox.cloud"],
        ready=lambda: answers(f"http://{HOST}:{settings.google_port}/healthz"),
        bound=60.0,
    )


def clickhouse(settings: Settings) -> Program:
    """Return the ClickHouse server."""
    return Program(
        name="clickhouse",
        command=[sys.executable, "-m", "sandbox.databases.clickhouse"],
        ready=lambda: answers(f"http://{HOST}:{settings.clickhouse_port}/ping"),
        bound=60.0,
    )


def users(settings: Settings) -> Program:
    """Return the simulated users."""
    return Program(
        name="users",
        command=[sys.executable, "-m", "sandbox.users"],
        ready=lambda: answers(f"http://{HOST}:{settings.users_port}/"),
        bound=60.0,
        stop_signal=signal.SIGTERM,
    )


def _seed(settings: Settings) -> None:
    # Google's clients take a second to import: here it passes while the servers start.
    from sandbox.seed import seed

    seed(settings)
