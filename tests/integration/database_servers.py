"""Real database servers for tests, in a sandbox of the tests' own."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from sandbox.databases import prometheus
from sandbox.databases.server_user import server_folder
from sandbox.supervisor.processes import Program, launch, wait_ready
from sandbox.supervisor.settings import Settings

STOP_SECONDS = 30.0
TOOL_SECONDS = 60


def start(program: Program, settings: Settings) -> subprocess.Popen[bytes]:
    """Start a server and wait until it answers."""
    process = launch(program, settings)
    try:
        wait_ready(program, process, settings)
    except BaseException:
        kill(process)
        raise
    return process


def kill(process: subprocess.Popen[bytes]) -> None:
    """End a server without giving it a chance, as a power cut of the process."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(STOP_SECONDS)


@contextmanager
def running(program: Program, settings: Settings) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server until the end of the block."""
    process = start(program, settings)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            kill(process)


@contextmanager
def prometheus_with(lines: Iterable[str], settings: Settings) -> Iterator[None]:
    """Run a Prometheus that has these samples, as if it had scraped them.

    :param lines: OpenMetrics text, each with its moment.
    """
    program = prometheus.program(settings)
    folder = server_folder(settings, "prometheus") / "series"
    text, blocks = settings.home / "metrics.txt", settings.home / "blocks"
    text.write_text("\n".join([*lines, "# EOF"]) + "\n")
    command = [prometheus.promtool(), "tsdb", "create-blocks-from", "openmetrics", text, blocks]
    subprocess.run(command, check=True, capture_output=True, timeout=TOOL_SECONDS)
    shutil.copytree(blocks, folder, dirs_exist_ok=True)
    if program.user is not None:
        for path in [folder, *folder.rglob("*")]:
            shutil.chown(path, program.user.uid, program.user.gid)
    with running(program, settings):
        yield
