"""A sandbox's folder and ports of a test's own, and its command line."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sandbox import ports, shutdown
from sandbox.settings import REPOSITORY, Settings

COMMAND_SECONDS = 110.0
_BLOCK = 300

Run = Callable[[str], "subprocess.CompletedProcess[str]"]


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Settings]:
    """A sandbox that does not exist yet, all of its ports free; whatever a test leaves is ended."""
    for folder in (tmp_path, tmp_path.parent, tmp_path.parent.parent):
        # The database servers' user must be able to pass.
        folder.chmod(folder.stat().st_mode | 0o011)
    for base in range(26100, 32400, _BLOCK):
        settings = Settings(home=tmp_path / "home", port_base=base)
        if not ports.taken(ports.purposes(settings)):
            yield settings
            shutdown.stop(settings)
            return
    raise RuntimeError("no 300 free ports in a row between 26100 and 32700")


@pytest.fixture
def variables(own: Settings) -> dict[str, str]:
    """Environment of the sandbox's commands."""
    return {**os.environ, "SLIPWAY_HOME": str(own.home), "SLIPWAY_PORT_BASE": str(own.port_base)}


@pytest.fixture
def run(variables: dict[str, str]) -> Run:
    """Run ``python -m sandbox <command>`` to its end."""

    def command(name: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "sandbox", name],
            cwd=REPOSITORY,
            env=variables,
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS,
            check=False,
        )

    return command
