"""The application's queries: ``pgbench`` at a steady rate, each query timed from when it was due.

A query that waits must not keep the next ones from being counted: with ``--rate`` they are due all the same,
and their time runs from then on (an open loop, without coordinated omission).
"""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import psycopg

from bench.kpi.source import USERS
from sandbox.databases import postgres

SESSIONS, RATE = 8, 200
_LEAD_SECONDS = 2.0
_CAUGHT_UP_MICROSECONDS = 50_000
_CATCH_UP_SECONDS = 120.0
_QUERIES = Path(__file__).with_name("queries")
_WEIGHTS = {"write": 1, "read": 2, "change": 1}


@dataclass(frozen=True)
class Timed:
    """How the queries of one run went.

    :param seconds: from when each query was due until it was answered, in ascending order.
    :param errors: sessions that ended on an error, in pgbench's words.
    """

    seconds: list[float]
    errors: list[str]

    def milliseconds(self, share: float) -> float:
        """Return the time within which so many of the queries were answered, 0 to 1."""
        return self.seconds[int(share * (len(self.seconds) - 1))] * 1000


class Load:
    """Runs the queries while the block lasts, and a little before and after it.

    :param uri: connection URI of the database.
    :param rows: rows that the table was filled with.
    """

    def __init__(self, uri: str, rows: int) -> None:
        self._uri = uri
        self._rows = rows
        self._folder = tempfile.TemporaryDirectory(prefix="slipway-bench-")
        self._path = Path(self._folder.name)
        self.timed = Timed([], [])

    def __enter__(self) -> Load:
        where: dict[str, Any] = psycopg.conninfo.conninfo_to_dict(self._uri)
        password = str(where.pop("password"))
        command = [
            str(postgres.client_program("pgbench")),
            "--no-vacuum",
            f"--client={SESSIONS}",
            f"--rate={RATE}",
            "--time=86400",
            "--log",
            f"--define=rows={self._rows}",
            f"--define=people={USERS}",
            *(f"--file={_QUERIES / name}.sql@{weight}" for name, weight in _WEIGHTS.items()),
            psycopg.conninfo.make_conninfo("", **(where | {"application_name": "the application"})),
        ]
        with (self._path / "errors").open("wb") as errors:
            self._process = subprocess.Popen(
                command,
                cwd=self._path,
                env={**os.environ, "PGPASSWORD": password},
                stdout=subprocess.DEVNULL,
                stderr=errors,
            )
        time.sleep(_LEAD_SECONDS)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self._catch_up()
        self._process.kill()
        self._process.wait()
        errors = (self._path / "errors").read_text().splitlines()
        self.timed = Timed(
            sorted(int(line[2]) / 1e6 for line in self._lines()),
            [line for line in errors if " aborted " in line or "fatal" in line],
        )
        self._folder.cleanup()

    def _lines(self) -> list[list[str]]:
        """Read the log: session, number, microseconds since due, script, its end's second and microsecond,
        and for how many of the microseconds it had to wait for its turn.
        """
        (log,) = self._path.glob("pgbench_log.*")
        # The last line may be half-written.
        return [line.split() for line in log.read_text().rpartition("\n")[0].splitlines()]

    def _catch_up(self) -> None:
        """Wait until what had to queue is answered, and the log, written block by block, is past it."""
        deadline = time.monotonic() + _CATCH_UP_SECONDS
        over = time.time() + _LEAD_SECONDS
        while time.monotonic() < deadline and self._process.poll() is None:
            time.sleep(1)
            last = self._lines()[-1]
            if int(last[4]) > over and int(last[6]) < _CAUGHT_UP_MICROSECONDS:
                return
