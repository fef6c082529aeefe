"""How the sandbox starts this server."""

from __future__ import annotations

import sys

from sandbox.supervisor.processes import Program, answers
from sandbox.supervisor.settings import HOST, Settings

# Bytes that the engine may use; read by the process below.
MEMORY_VARIABLE = "SLIPWAY_CLICKHOUSE_MEMORY"
# Enough for a demonstration, and what a small machine can spare. With less than 1 GiB for each of its threads
# the engine works with fewer of them.
DEFAULT_MEMORY = 1_500_000_000
_START_SECONDS = 120.0


def program(settings: Settings, memory: int = DEFAULT_MEMORY) -> Program:
    """Return the server process; it is ready once it answers ``/ping``.

    :param settings: where the sandbox lives, and its ports.
    :param memory: bytes that the engine may use for all queries together.
    """
    return Program(
        name="clickhouse",
        command=[sys.executable, "-m", "sandbox.databases.clickhouse"],
        ready=lambda: answers(f"http://{HOST}:{settings.clickhouse_port}/ping"),
        bound=_START_SECONDS,
        environment={MEMORY_VARIABLE: str(memory)},
    )
