"""A sandbox of a test's own, and its command line."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from sandbox.databases.server_user import remove_outside_folders
from sandbox.supervisor import credentials, ports, shutdown
from sandbox.supervisor.settings import REPOSITORY, Settings

COMMAND_SECONDS = 240.0
_BLOCK = 300
# The same folder for every test run on this machine.
_LOCKS = Path("/tmp")

Run = Callable[[str], "subprocess.CompletedProcess[str]"]
"""Runs one command of the sandbox to its end."""


@contextmanager
def unused_sandbox() -> Iterator[Settings]:
    """Name a sandbox that does not exist yet, all of its ports free; end and remove whatever becomes of it.

    Its folder is not pytest's, which another pytest that starts closes to the database servers' user.
    """
    with tempfile.TemporaryDirectory(prefix="slipway-test-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        with free_ports() as base:
            settings = Settings(home=folder / "home", port_base=base)
            yield settings
            shutdown.stop(settings)
            remove_outside_folders(settings)


@contextmanager
def own_sandbox() -> Iterator[Settings]:
    """Make a sandbox with a folder and credentials, for tests that start single servers in it."""
    with unused_sandbox() as settings:
        settings.home.mkdir(mode=0o755)
        credentials.create(settings)
        yield settings


@contextmanager
def free_ports() -> Iterator[int]:
    """Hold 300 free ports; every other test run on this machine holds its own in the same way."""
    for base in range(26100, 32400, _BLOCK):
        with (_LOCKS / f"slipway-test-ports-{base}.lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            if not ports.taken(ports.purposes(Settings(home=Path("/"), port_base=base))):
                yield base
                return
    raise RuntimeError("no 300 free ports in a row between 26100 and 32700")


def sandbox_command(
    settings: Settings, *arguments: str, seconds: float = COMMAND_SECONDS
) -> subprocess.CompletedProcess[str]:
    """Run ``python -m sandbox...`` to its end, within a bound of seconds."""
    return subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=REPOSITORY,
        env=environment(settings),
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )


def environment(settings: Settings) -> dict[str, str]:
    """Return the environment of the sandbox's commands, which find the plugins as ``make`` lets them."""
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(REPOSITORY), str(REPOSITORY / "plugins")]),
        "SLIPWAY_HOME": str(settings.home),
        "SLIPWAY_PORT_BASE": str(settings.port_base),
    }
