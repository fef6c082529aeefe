"""Real database servers for tests, in a sandbox of the tests' own."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sandbox import credentials
from sandbox.processes import Program, launch, wait_ready
from sandbox.settings import HOST, Settings

STOP_SECONDS = 10.0
_FIRST_BASE = 24000
_LAST_BASE = 32000


def own_settings(home: Path) -> Settings:
    """Make a sandbox whose database ports are free.

    :param home: its state folder; it becomes reachable for the user the database servers run as.
    """
    for folder in (home, home.parent, home.parent.parent):
        folder.chmod(folder.stat().st_mode | 0o011)
    for base in range(_FIRST_BASE, _LAST_BASE, 10):
        settings = Settings(home=home, port_base=base)
        if all(_is_free(port) for port in (settings.postgres_port, settings.clickhouse_port)):
            credentials.create(settings)
            return settings
    raise RuntimeError(f"no free ports between {_FIRST_BASE} and {_LAST_BASE}")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


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
