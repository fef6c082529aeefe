"""Processes that a cloud left behind when it was killed."""

from __future__ import annotations

import contextlib
import logging

import psutil

from sandbox.cloud.run.container import process_environment
from sandbox.supervisor.settings import Settings

_END_SECONDS = 1.0

_log = logging.getLogger(__name__)


def end_leftovers(settings: Settings) -> None:
    """End every process that an earlier cloud of this sandbox started.

    Call it only while no cloud of this sandbox runs.
    """
    marks = process_environment(settings)
    wanted = {name: marks[name] for name in ("SLIPWAY_HOME", "SLIPWAY_STARTED_BY")}
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if wanted.items() <= process.environ().items():
                found.append(process)
    for process in found:
        _log.warning("ending process %d", process.pid)
        with contextlib.suppress(psutil.NoSuchProcess):
            process.terminate()
    _, alive = psutil.wait_procs(found, timeout=_END_SECONDS)
    for process in alive:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(alive, timeout=_END_SECONDS)
