"""How long the database's part of a rollback takes on the local PostgreSQL, and what that means for 100 GiB.

    python -m bench.database_tier [--rows 4000000]

Fills a table of the product, and does what the tiers database and restore of the DAG ``rollback`` wait for: a
backup, two migrations undone by the release's own hook, a restore beside what serves. The local cloud's
backup is ``pg_dump``; Cloud SQL's is a snapshot of the disk, which need not be slower.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass

import psycopg
from slipway.hooks.postgres.migrations import SchemaHook
from slipway.hooks.postgres.session import DatabaseIdentity
from slipway.policy.release import Policy, load_policy

from bench.schema.server import FILLED, fill, server
from bench.schema.ways import MIGRATIONS
from sandbox.cloud.sql_admin import backup
from sandbox.databases import postgres
from sandbox.supervisor.settings import Settings
from tests.own_sandbox import own_sandbox

MEBIBYTE, PROJECTED = 2**20, 100 * 2**30
STEPS = ("0001_column", "0002_index")
CONNECTION = "bench_tier"
HEAD = f"{'step':<18}{'seconds':>9}{'MiB/s':>8}{'100 GiB':>10}"


@dataclass(frozen=True)
class Step:
    """A step of a rollback, measured.

    :param size: bytes that it reads; 0 for one that does not grow with the data.
    """

    name: str
    seconds: float
    size: int

    @property
    def projected(self) -> float:
        """Seconds for 100 GiB at the measured rate."""
        return self.seconds * PROJECTED / self.size if self.size else self.seconds

    def __str__(self) -> str:
        rate = f"{self.size / MEBIBYTE / self.seconds:.0f}" if self.size else ""
        return f"{self.name:<18}{self.seconds:>9.1f}{rate:>8}{self.projected / 60:>6.1f} min"


def main() -> None:
    """Run the benchmark and print its table."""
    parser = argparse.ArgumentParser(prog="python -m bench.database_tier", description="Time a rollback.")
    parser.add_argument("--rows", type=int, default=4_000_000, help="rows of the table; about 1 GiB")
    rows, policy = parser.parse_args().rows, load_policy("release.yaml")
    with own_sandbox() as settings, server(settings):
        fill(settings, rows)
        with psycopg.connect(postgres.uri(settings, FILLED)) as connection:
            found = connection.execute("SELECT pg_database_size(current_database())").fetchone()
        size = int(found[0]) if found else 0
        kept, undone, restored = _steps(settings, policy, size)
    print(f"{rows:,} rows, {size / 2**30:.2f} GiB with indexes")
    print("\n".join([HEAD, *map(str, (kept, undone, restored))]))
    bounds = policy.rollback_deadlines
    for tier, steps, bound in (
        ("database", (kept, undone), bounds.database_seconds),
        ("restore", (kept, restored), bounds.full_seconds),
    ):
        seconds, projected = sum(s.seconds for s in steps), sum(s.projected for s in steps)
        verdict = "within" if projected <= bound else "over"
        print(
            f"tier {tier}: {seconds:.0f} s; 100 GiB at this rate: {projected / 60:.1f} min, {verdict} the"
            f" strategy's {bound / 60:g} min"
        )


def _steps(settings: Settings, policy: Policy, size: int) -> Iterator[Step]:
    os.environ[f"AIRFLOW_CONN_{CONNECTION.upper()}"] = postgres.uri(settings, FILLED)
    hook, identity = SchemaHook(CONNECTION), DatabaseIdentity("bench", "bench")
    pace, dump = policy.schema_rules.pace, settings.data / "kept.dump"
    hook.migrate(MIGRATIONS, pace=pace, identity=identity, only=STEPS)
    began = time.perf_counter()
    asyncio.run(backup.back_up(settings, FILLED, dump))
    yield Step("keep_data", time.perf_counter() - began, size)
    began = time.perf_counter()
    for name in reversed(STEPS):
        hook.undo(MIGRATIONS, name, pace=pace, identity=identity)
    yield Step("undo_migrations", time.perf_counter() - began, 0)
    asyncio.run(backup.create(settings, "restored"))
    began = time.perf_counter()
    asyncio.run(backup.restore(settings, "restored", dump))
    yield Step("restore_backup", time.perf_counter() - began, size)


if __name__ == "__main__":
    main()
