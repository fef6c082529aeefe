"""Real database servers for tests, in a sandbox of the tests' own."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from sandbox.processes import Program, launch, wait_ready
from sandbox.settings import Settings

STOP_SECONDS = 10.0


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
