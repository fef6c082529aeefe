"""Kills the processes of the sandbox, and starts them again as a supervisor of containers would."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator

import psutil

from sandbox.supervisor import records
from sandbox.supervisor.plan import parts
from sandbox.supervisor.processes import launch, wait_ready
from sandbox.supervisor.settings import Settings

AIRFLOW = ("api-server", "scheduler", "triggerer", "dag-processor")
#: What runs as long as the sandbox does.
LASTING = ("postgres", "redis", "cloud", "clickhouse", "prometheus", *AIRFLOW)
GONE_SECONDS = 20.0
#: Titles that Airflow gives to the processes of its LocalExecutor.
WORKER, IDLE = "airflow worker -- LocalExecutor", "<idle>"


class Machinery:
    """The processes of the sandbox.

    :param settings: the sandbox.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings, self._parts = settings, parts(settings, airflow=True)

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
        """Start parts again, and wait until all of them do their work.

        :raises StartError: when one ends, or is not ready within its bound.
        """
        started = []
        for program in (part.make() for name, part in self._parts.items() if name in names):
            process = launch(program, self._settings)
            created = psutil.Process(process.pid).create_time()
            records.replace(
                self._settings, records.Record(program.name, process.pid, created, int(program.stop_signal))
            )
            started.append((program, process))
        for program, process in started:
            wait_ready(program, process, self._settings)

    def kill_and_restart(self, *names: str, away_seconds: float = 0) -> None:
        """Kill parts, and start them again.

        :param away_seconds: how long they are away.
        """
        self.kill(*names)
        time.sleep(away_seconds)
        self.restart(*names)

    def mend(self) -> None:
        """Start what ended by itself or was killed, those first on which others depend."""
        known = records.read(self._settings)
        ended = {record.name for record in known} - {record.name for record in known if record.process()}
        self.restart(*(name for name in LASTING if name in ended))

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
