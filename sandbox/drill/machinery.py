"""Kills the processes of the sandbox's Airflow, and starts them again as a supervisor of containers would."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator

import psutil

from sandbox.airflow import components
from sandbox.supervisor import records
from sandbox.supervisor.processes import Program, launch, wait_ready
from sandbox.supervisor.settings import Settings

AIRFLOW = ("api-server", "scheduler", "triggerer", "dag-processor")
GONE_SECONDS = 20.0
#: Titles that Airflow gives to the processes of its LocalExecutor.
WORKER, IDLE = "airflow worker -- LocalExecutor", "<idle>"


class Machinery:
    """The processes of the sandbox's Airflow.

    :param settings: the sandbox.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def kill(self, *names: str) -> None:
        """Kill processes with everything that they have started, as the end of a container does.

        :raises TimeoutError: when one is still there after some seconds.
        """
        known = [record.process() for record in records.read(self._settings) if record.name in names]
        killed = [process for process in known if process is not None]
        tree = [member for process in killed for member in (process, *process.children(recursive=True))]
        for member in tree:
            with contextlib.suppress(psutil.NoSuchProcess):
                member.kill()
        _, left = psutil.wait_procs(tree, timeout=GONE_SECONDS)
        if left:
            raise TimeoutError(f"{left}: not gone {GONE_SECONDS:g} s after SIGKILL")

    def restart(self, *names: str) -> None:
        """Start components again, and wait until all of them do their work.

        :raises StartError: when one ends, or is not ready within its bound.
        """
        started = []
        for program in self._programs(names):
            process = launch(program, self._settings)
            created = psutil.Process(process.pid).create_time()
            records.replace(
                self._settings, records.Record(program.name, process.pid, created, int(program.stop_signal))
            )
            started.append((program, process))
        for program, process in started:
            wait_ready(program, process, self._settings)

    def kill_and_restart(self, *names: str, away_seconds: float = 0) -> None:
        """Kill components, and start them again.

        :param away_seconds: how long they are away.
        """
        self.kill(*names)
        time.sleep(away_seconds)
        self.restart(*names)

    def mend(self) -> None:
        """Start what does not run."""
        alive = {record.name for record in records.read(self._settings) if record.process() is not None}
        self.restart(*(name for name in AIRFLOW if name not in alive))

    def kill_worker(self) -> None:
        """Kill the workers that carry a task out, with the task; the scheduler goes on.

        :raises TimeoutError: when no worker has a task within some seconds.
        """
        deadline = time.monotonic() + GONE_SECONDS
        while not (busy := list(self._busy_workers())):
            if time.monotonic() > deadline:
                raise TimeoutError(f"no worker had a task within {GONE_SECONDS:g} s")
            time.sleep(0.05)
        for worker in busy:
            for member in (*worker.children(recursive=True), worker):
                with contextlib.suppress(psutil.NoSuchProcess):
                    member.kill()

    def _busy_workers(self) -> Iterator[psutil.Process]:
        for record in records.read(self._settings):
            scheduler = record.process() if record.name == "scheduler" else None
            for child in scheduler.children() if scheduler is not None else ():
                with contextlib.suppress(psutil.NoSuchProcess):
                    title = " ".join(child.cmdline())
                    if title.startswith(WORKER) and IDLE not in title:
                        yield child

    def _programs(self, names: tuple[str, ...]) -> list[Program]:
        every = [components.api_server(self._settings), *components.components(self._settings)]
        return [program for program in every if program.name in names]
