"""``python -m bench.kpi``: what a day's rollup costs, and whether that is what was promised.

    python -m bench.kpi [--rows 1000000 10000000 50000000] [--facts 100000000] [--days 1000]

Starts its own PostgreSQL and ClickHouse in a temporary folder, and prints one table; cut short, it prints
what it has. Every task of the DAG runs in a process of its own, as soon as those before it are done, forked
like Airflow's from one that has imported the libraries; the memory is the highest resident memory of the
largest of them.
"""

from __future__ import annotations

import argparse
import signal
import sys
import time
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from itertools import pairwise
from typing import Any

from bench.kpi import bare, source
from bench.kpi.pipeline import Day, apart, peak_memory, run_day
from bench.kpi.servers import Servers, connect_airflow, servers
from bench.kpi.table import Line, Table

DAY = date(2026, 1, 31)
WHOLE_DAY = "whole day, checks included"
PANDAS_ROWS, SINGLE_ROWS, GROWING_ROWS = 500_000, 2_000, 50_000
OTHER_DAY_ROWS = 500
# Above so many rows the bare INSERT … SELECT is not run: what it would say is known by then.
MOST_PLAIN_ROWS, PROMISED_ROWS = 10_000_000, 10_000_000
MOST_MIB, LEAST_SPEED, MOST_GROUP_BY, FLAT_MIB, SAME_DAY, LINEAR = 450, 0.5, 2.0, 30, 1.25, 0.9


def main() -> None:
    """Run the benchmark and print its table."""
    parser = argparse.ArgumentParser(prog="python -m bench.kpi", description="Measure the KPI rollup.")
    parser.add_argument(
        "--rows", type=int, nargs="+", default=[1_000_000, 10_000_000, 50_000_000], help="rows of a day"
    )
    parser.add_argument("--facts", type=int, default=100_000_000, help="facts to roll up without a source")
    parser.add_argument("--days", type=int, default=1000, help="days that are loaded before one is measured")
    asked = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))
    table = Table()
    try:
        with servers() as own:
            connect_airflow(own)
            _import_libraries(table)
            source.create(own)
            sizes = sorted(asked.rows)
            _whole_days(own, table, [rows for rows in sizes if rows <= MOST_PLAIN_ROWS])
            _rollups(own, table, asked.facts)
            _usual_ways(own, table)
            _days_before(own, table, asked.days)
            _whole_days(own, table, [rows for rows in sizes if rows > MOST_PLAIN_ROWS])
            _growth(table)
    finally:
        table.print()


def _import_libraries(table: Table) -> None:
    """Import what Airflow's scheduler has imported when it forks a task."""
    from slipway.preload import import_for_tasks

    began = time.perf_counter()
    import_for_tasks()
    took = time.perf_counter() - began
    table.add(Line("libraries, imported once by the scheduler", 0, took, peak_mib=peak_memory()))


def _whole_days(own: Servers, table: Table, sizes: Sequence[int]) -> None:
    """End to end at every size, against the bare INSERT … SELECT."""
    for rows in sizes:
        source.empty(own)
        source.fill(own, DAY, days=1, rows=rows)
        plain, day = _in_turns(own, rows)
        if plain is not None:
            table.add(Line("plain INSERT … SELECT", rows, plain))
        for name, task in day.tasks.items():
            table.add(Line(f"  {name}", rows, task.seconds, peak_mib=task.peak_mib))
        times = "" if plain is None else f"{plain / day.seconds:.2f} x the speed of plain"
        table.add(Line(WHOLE_DAY, rows, day.seconds, times=times, peak_mib=day.peak_mib))
        if plain is not None and rows >= PROMISED_ROWS:
            table.claim(
                f"{rows:,} rows at half the speed of plain or more", plain / day.seconds >= LEAST_SPEED
            )
        table.claim(f"{rows:,} rows: tasks under {MOST_MIB} MiB", day.peak_mib < MOST_MIB)


def _in_turns(own: Servers, rows: int) -> tuple[float | None, Day]:
    """Run each twice, in turns, because a machine's own speed changes from minute to minute.

    :return: seconds of the faster plain INSERT … SELECT, None where it is not run and the day is run once;
        the faster day.
    """
    if rows > MOST_PLAIN_ROWS:
        return None, run_day(DAY, f"bench-{rows}")
    plains: list[float] = []
    days: list[Day] = []
    client = own.client()
    for order in bare.ORDERS:
        bare.wait_for_merges(client)
        plains.append(bare.insert_select(client, DAY, order))
        days.append(run_day(DAY, f"bench-{rows}-{len(days)}"))
    client.close()
    return min(plains), min(days, key=lambda one: one.seconds)


def _growth(table: Table) -> None:
    """Every size against the one before it."""
    days = table.of(WHOLE_DAY)
    for fewer, more in pairwise(days):
        between = f"from {fewer.rows:,} to {more.rows:,} rows"
        table.claim(f"{between}: no more memory", (more.peak_mib or 0) - (fewer.peak_mib or 0) < FLAT_MIB)
        table.claim(
            f"{between}: time grows no faster than the rows",
            more.rows / more.seconds >= LINEAR * fewer.rows / fewer.seconds,
        )


def _days_before(own: Servers, table: Table, days: int) -> None:
    """The same day with one and with many days loaded before it."""
    source.empty(own)
    source.fill(own, DAY, days=1, rows=GROWING_ROWS)
    run_day(DAY, "bench-warm")
    alone = min(run_day(DAY, f"bench-alone-{again}").seconds for again in range(2))
    table.add(Line("a day, nothing else loaded", GROWING_ROWS, alone))
    client = own.client()
    _read(client, table, 1)
    source.fill(own, DAY - timedelta(days=days), days=days, rows=OTHER_DAY_ROWS)
    for published in bare.PUBLISHED:
        client.command(bare.copies_of_a_day(client, published, DAY, days))
    _read(client, table, days)
    client.close()
    among = min(run_day(DAY, f"bench-among-{again}").seconds for again in range(2))
    table.add(
        Line(f"the same day, {days:,} days loaded", GROWING_ROWS, among, times=f"{among / alone:.2f} x")
    )
    table.claim(f"a day costs the same with {days:,} days loaded", among <= SAME_DAY * alone)


def _read(client: Any, table: Table, days: int) -> None:
    """What a dashboard waits for, with so many days loaded."""
    name, seconds = bare.slowest_read(client, DAY)
    table.add(Line(f"slowest KPI of 30 days, of {days:,} days", days, seconds, times=name))


def _usual_ways(own: Servers, table: Table) -> None:
    """Rows by pandas and one by one, with fewer of them; the seconds of a million are extrapolated."""
    from bench.kpi import usual_ways

    client = own.client()
    ways: Sequence[tuple[str, str, int, Callable[[date], int]]] = (
        ("pandas through hooks, load alone", "usual_pandas", PANDAS_ROWS, usual_ways.through_pandas),
        ("GenericTransfer, load alone", "usual_rows", SINGLE_ROWS, usual_ways.row_by_row),
    )
    for title, name, rows, way in ways:
        source.empty(own)
        source.fill(own, DAY, days=1, rows=rows)
        client.command(usual_ways.TABLE.format(name=name))

        def move(way: Callable[[date], int] = way) -> int:
            return way(DAY)

        _, took = apart(move)
        arrived = int(client.command(f"SELECT count() FROM {name}"))
        if arrived != rows:
            raise RuntimeError(f"{title}: {arrived} of {rows} rows arrived")
        million = took.seconds / rows * 1_000_000
        table.add(
            Line(
                title,
                rows,
                took.seconds,
                times=f"{million:,.0f} s for 1 M, extrapolated",
                peak_mib=took.peak_mib,
            )
        )
    client.close()


def _rollups(own: Servers, table: Table, facts: int) -> None:
    """The rollups of many facts against a bare GROUP BY of the same columns."""
    from slipway.kpi.warehouse import Warehouse

    client = own.client()
    bare.make_facts(client, DAY, facts, source.USERS)
    plain = min(bare.group_by(client) for _ in range(2))
    seconds = bare.rollups(Warehouse(client), DAY)
    client.command("DROP TABLE bench_fact SYNC")
    client.close()
    table.add(Line("bare GROUP BY of the same columns", facts, plain))
    table.add(Line("rollups of the facts", facts, seconds, times=f"{seconds / plain:.2f} x GROUP BY"))
    table.claim(f"rollups of {facts:,} facts in twice the GROUP BY or less", seconds <= MOST_GROUP_BY * plain)


if __name__ == "__main__":
    main()
