"""What an application's queries wait while its table is migrated: as a release does it, and naively.

    python -m bench.schema [--rows 10000000] [--hold 20]

Starts its own PostgreSQL in a temporary folder, fills ``token_usage_tracking``, and prints one table: for
every step the longest wait of any query, for both ways, also beside a transaction that holds the table.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass

import psycopg

from bench.schema.load import RATE, SESSIONS, Load, Timed
from bench.schema.server import copy, fill, server
from bench.schema.ways import NAIVE, RELEASE, Way
from sandbox.supervisor.settings import Settings
from tests.own_sandbox import own_sandbox

QUIET_SECONDS = 10
HEAD = f"{'step':<28}{'seconds':>9}{'queries':>9}{'p99 ms':>9}{'longest ms':>12}{'errors':>7}  outcome"


@dataclass(frozen=True)
class Row:
    """One step of one way.

    :param seconds: that the step took.
    :param timed: every query of the application meanwhile.
    """

    step: str
    seconds: float
    timed: Timed
    outcome: str

    def __str__(self) -> str:
        return (
            f"{self.step:<28}{self.seconds:>9.1f}{len(self.timed.seconds):>9}"
            f"{self.timed.milliseconds(0.99):>9.0f}{self.timed.milliseconds(1):>12.0f}"
            f"{len(self.timed.errors):>7}  {self.outcome}"
        )


def main() -> None:
    """Run the benchmark and print its table."""
    parser = argparse.ArgumentParser(prog="python -m bench.schema", description="Migrate a table under load.")
    parser.add_argument("--rows", type=int, default=10_000_000, help="rows of the table")
    parser.add_argument("--hold", type=float, default=20.0, help="seconds for which a transaction holds it")
    options = parser.parse_args()
    lines = []
    with own_sandbox() as settings, server(settings):
        _tell("filling")
        fill(settings, options.rows)
        for way in (RELEASE, NAIVE):
            lines += ["", way.title, HEAD]
            for row in _rows(settings, way, options.rows, options.hold):
                _tell(str(row))
                lines.append(str(row))
    # Last, in one piece: the hooks' log lines come before it.
    print(f"{options.rows:,} rows; {RATE} queries a second in {SESSIONS} sessions, timed from when due")
    print("\n".join(lines))


def _rows(settings: Settings, way: Way, rows: int, hold: float) -> Iterator[Row]:
    uri = copy(settings, way.database)
    with Load(uri, rows) as load:
        time.sleep(QUIET_SECONDS)
    yield Row("nothing is migrated", QUIET_SECONDS, load.timed, "")
    first, *_ = way.steps
    with _held(uri, hold if way.waits else None):
        yield _measure(uri, rows, way, first, held=True)
    way.undo(uri)
    for name in way.steps:
        yield _measure(uri, rows, way, name)


@contextlib.contextmanager
def _held(uri: str, seconds: float | None) -> Iterator[None]:
    """Hold the table, as a transaction does that reads it and stays open.

    :param seconds: for how long; None for as long as the block lasts.
    """
    with psycopg.connect(uri) as holder:
        holder.execute("SELECT FROM token_usage_tracking LIMIT 1")
        ending = threading.Timer(seconds or 0, holder.rollback)
        if seconds is not None:
            ending.start()
        yield
        ending.cancel()


def _measure(uri: str, rows: int, way: Way, name: str, *, held: bool = False) -> Row:
    with Load(uri, rows) as load:
        began = time.perf_counter()
        outcome = way.step(uri, name, held)
        seconds = time.perf_counter() - began
    return Row(f"{name}{', table held' * held}", seconds, load.timed, outcome)


def _tell(line: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {line}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
