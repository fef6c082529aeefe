"""``python -m bench.kpi``: what a day's rollup costs, and whether that is what was promised.

    python -m bench.kpi [--rows 1000000 10000000] [--facts 100000000] [--days 1000]

Starts its own PostgreSQL and ClickHouse in a temporary folder, and prints one table. Every task of the DAG
runs in a process of its own; the memory is the highest resident memory of the largest of them.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from datetime import date, timedelta

from bench.kpi import bare, source
from bench.kpi.pipeline import Measured, apart, run_day
from bench.kpi.servers import Servers, connect_airflow, servers
from bench.kpi.table import Line, Table

DAY = date(2026, 1, 31)
PANDAS_ROWS, SINGLE_ROWS, GROWING_ROWS = 100_000, 2_000, 50_000
OTHER_DAY_ROWS = 500
MOST_MIB, LEAST_SPEED, MOST_GROUP_BY, FLAT_MIB, SAME_DAY = 450, 0.5, 2.0, 30, 1.25


def main() -> None:
    """Run the benchmark and print its table."""
    parser = argparse.ArgumentParser(prog="python -m bench.kpi", description="Measure the KPI rollup.")
    parser.add_argument("--rows", type=int, nargs="+", default=[1_000_000, 10_000_000], help="rows of a day")
    parser.add_argument("--facts", type=int, default=100_000_000, help="facts to roll up without a source")
    parser.add_argument("--days", type=int, default=1000, help="days that are loaded before one is measured")
    asked = parser.parse_args()
    table = Table()
    with servers() as own:
        connect_airflow(own)
        source.create(own)
        _days_before(own, table, asked.days)
        _whole_day(own, table, sorted(asked.rows))
        _usual_ways(own, table)
        _rollups(own, table, asked.facts)
    table.print()


def _whole_day(own: Servers, table: Table, sizes: Sequence[int]) -> None:
    """End to end against the bare INSERT … SELECT, at every size."""
    peaks, speeds = [], []
    client = own.client()
    for rows in sizes:
        source.empty(own)
        source.fill(own, DAY, days=1, rows=rows)
        plain = bare.insert_select(client, DAY)
        tasks = run_day(DAY, f"bench-{rows}")
        seconds, peak = _sum(tasks), max(task.peak_mib for task in tasks.values())
        table.add(Line("plain INSERT … SELECT", rows, plain))
        for name, task in tasks.items():
            table.add(Line(f"  {name}", rows, task.seconds, peak_mib=task.peak_mib))
        table.add(
            Line(
                "whole day, checks included",
                rows,
                seconds,
                times=f"{plain / seconds:.2f} x the speed of plain",
                peak_mib=peak,
            )
        )
        table.claim(f"{rows:,} rows at half the speed of plain or more", plain / seconds >= LEAST_SPEED)
        table.claim(f"{rows:,} rows: tasks under {MOST_MIB} MiB", peak < MOST_MIB)
        peaks.append(peak)
        speeds.append(rows / seconds)
    client.close()
    if len(sizes) > 1:
        table.claim(f"memory of {sizes[-1]:,} rows is that of {sizes[0]:,}", peaks[-1] - peaks[0] < FLAT_MIB)
        table.claim(f"{sizes[-1]:,} rows are no slower, row by row", speeds[-1] >= speeds[0])


def _days_before(own: Servers, table: Table, days: int) -> None:
    """The same day with one and with many days loaded before it."""
    source.fill(own, DAY, days=1, rows=GROWING_ROWS)
    run_day(DAY, "bench-warm")
    alone = min(_sum(run_day(DAY, f"bench-alone-{again}")) for again in range(2))
    table.add(Line("a day, nothing else loaded", GROWING_ROWS, alone))
    source.fill(own, DAY - timedelta(days=days), days=days, rows=OTHER_DAY_ROWS)
    client = own.client()
    for published in bare.PUBLISHED:
        client.command(bare.copies_of_a_day(client, published, DAY, days))
    client.close()
    among = min(_sum(run_day(DAY, f"bench-among-{again}")) for again in range(2))
    table.add(
        Line(f"the same day, {days:,} days loaded", GROWING_ROWS, among, times=f"{among / alone:.2f} x")
    )
    table.claim(f"a day costs the same with {days:,} days loaded", among <= SAME_DAY * alone)


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
    client.close()
    table.add(Line("bare GROUP BY of the same columns", facts, plain))
    table.add(Line("rollups of the facts", facts, seconds, times=f"{seconds / plain:.2f} x GROUP BY"))
    table.claim(f"rollups of {facts:,} facts in twice the GROUP BY or less", seconds <= MOST_GROUP_BY * plain)


def _sum(tasks: dict[str, Measured]) -> float:
    return sum(task.seconds for task in tasks.values())


if __name__ == "__main__":
    main()
