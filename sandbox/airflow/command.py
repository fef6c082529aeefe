"""Runs a command as a component of the sandbox's Airflow would, with its connections."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence

from sandbox.airflow.environment import environment
from sandbox.supervisor.settings import REPOSITORY, Settings


class NotUpError(RuntimeError):
    """The sandbox does not run, so there is nothing to connect to."""


def run(settings: Settings, command: Sequence[str]) -> int:
    """Run a command in the foreground and return its exit code.

    :param settings: where the sandbox lives, and its ports.
    :param command: program and arguments.
    :raises NotUpError: when the sandbox was not started.
    """
    try:
        connected = environment(settings)
    except FileNotFoundError:
        raise NotUpError(
            f"No sandbox in {settings.home}: start it with `make up` (or `make demo`)."
        ) from None
    variables = {**os.environ, **connected, "PYTHONPATH": str(REPOSITORY / "plugins")}
    return subprocess.run(command, env=variables, check=False).returncode
