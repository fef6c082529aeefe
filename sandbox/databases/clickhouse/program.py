"""How the sandbox starts this server."""

from __future__ import annotations

import sys

from sandbox.processes import Program, answers
from sandbox.settings import HOST, Settings

_START_SECONDS = 30.0


def program(settings: Settings) -> Program:
    """Return the server process; it is ready once it answers ``/ping``."""
    return Program(
        name="clickhouse",
        command=[sys.executable, "-m", "sandbox.databases.clickhouse"],
        ready=lambda: answers(f"http://{HOST}:{settings.clickhouse_port}/ping"),
        bound=_START_SECONDS,
    )
