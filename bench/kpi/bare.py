"""What ClickHouse does by itself: the fastest plain INSERT … SELECT, and GROUP BY over as many facts."""

from __future__ import annotations

import re
import time
from datetime import date, timedelta
from typing import Any

from sandbox.supervisor.settings import REPOSITORY

SQL_DIRECTORY = REPOSITORY / "include" / "sql"
# By user, as the facts are, and none: the faster of the two is what the pipeline is measured against.
ORDERS = ("(user_id, id)", "tuple()")
_TABLE = """
CREATE OR REPLACE TABLE bare ENGINE = MergeTree ORDER BY {order}
AS SELECT * FROM postgresql(slipway_source, table = 'token_usage_tracking')
WHERE created_at < toDateTime64('2000-01-01', 6)
"""
_INSERT = """
INSERT INTO bare
SELECT * FROM postgresql(slipway_source, table = 'token_usage_tracking')
WHERE created_at >= toDateTime64('{day}', 6) AND created_at < toDateTime64('{next_day}', 6)
SETTINGS external_table_strict_query = 1
"""
_FACTS = """
INSERT INTO bench_fact (
    day, id, user_id, plan, session_key, agent_name, model, revision, tokens_used, tokens_original,
    cost_usd, cost_original_usd, optimization_applied, optimization_succeeded, created_at
)
SELECT
    toDate('{day}'), generateUUIDv4(),
    toUUID(concat('00000000-0000-4000-8000-', leftPad(toString(number % {users}), 12, '0'))),
    ['free', 'pro', 'enterprise'][1 + number % 3],
    concat('session-', toString(number % {users}), '-', toString(intDiv(number, {users}) % 3)),
    concat('agent-', toString(number % 8)), ['gpt-4', 'gpt-3.5-turbo'][1 + number % 2],
    concat('netra-backend-prod-0000', toString(number % 2)),
    100 + number % 900, 130 + number % 1100, toDecimal64(100 + number % 900, 6) * toDecimal64('0.00003', 6),
    toDecimal64(130 + number % 1100, 6) * toDecimal64('0.00003', 6), true, number % 20 != 0,
    toDateTime64('{day}', 6) + toIntervalMicrosecond(intDiv(number * 86400000000, {rows}))
FROM numbers({rows})
"""
_GROUP_BY = """
SELECT
    user_id, session_key, plan, model, revision, version, release, phase, arm, count(),
    sum(tokens_used), sum(tokens_original), sum(optimization_succeeded),
    sum(cost_usd), sum(cost_original_usd), sum(expected_cost_usd)
FROM bench_fact
GROUP BY user_id, session_key, plan, model, revision, version, release, phase, arm
FORMAT Null
"""
_READ = """
SELECT as_of AS time, toFloat64(value) AS value FROM kpi
WHERE kpi = '{kpi}' AND dim = 'all' AND as_of >= '{first}' AND as_of <= '{last}'
ORDER BY time
"""


def insert_select(client: Any, day: date, order: str) -> float:
    """Return the seconds of a plain INSERT … SELECT of a day into a table of an order."""
    client.command(_TABLE.format(order=order))
    began = time.perf_counter()
    client.command(_INSERT.format(day=day, next_day=day + timedelta(days=1)))
    took = time.perf_counter() - began
    client.command("DROP TABLE bare SYNC")
    return took


def wait_for_merges(client: Any) -> None:
    """Wait until what was written before is merged, so that what comes next has the machine alone."""
    while client.query("SELECT count() FROM system.merges").result_rows[1][0]:
        time.sleep(0.5)


def make_facts(client: Any, day: date, rows: int, users: int) -> None:
    """Make a table of facts without a source: its making is not measured."""
    client.command("CREATE OR REPLACE TABLE bench_fact AS usage_fact")
    client.command(_FACTS.format(day=day, rows=rows, users=users))


def group_by(client: Any) -> float:
    """Return the seconds of a bare GROUP BY over the columns that the rollups read."""
    began = time.perf_counter()
    client.command(_GROUP_BY)
    return time.perf_counter() - began


def rollups(warehouse: Any, day: date) -> float:
    """Return the seconds of the project's own rollups of the facts."""
    tables = {"usage_fact": "bench_fact"}
    for name in ("usage_cell", "usage_user_day", "usage_totals"):
        tables[name] = f"bench_{name}"
        warehouse.client.command(f"CREATE OR REPLACE TABLE bench_{name} AS {name}")
    began = time.perf_counter()
    for name in ("usage_cell", "usage_user_day", "usage_totals"):
        warehouse.run(f"kpi/stage/{name}", tables, {"day": day})
    return time.perf_counter() - began


def slowest_read(client: Any, day: date) -> tuple[str, float]:
    """Read every KPI over several days as a dashboard does: the thirty days up to one, from the view.

    :param client: ClickHouse client.
    :param day: the UTC day.
    :return: the KPI that takes longest, and its seconds; the better of two tries.
    """
    times = {}
    for path in sorted((SQL_DIRECTORY / "kpi" / "windowed").glob("*.sql")):
        (name,) = re.findall(r"^-- kpi: (\w+)$", path.read_text(), re.MULTILINE)
        sql = _READ.format(kpi=name, first=day - timedelta(days=29), last=day)
        times[name] = min(_seconds(client, sql) for _ in range(2))
    slowest = max(times, key=lambda name: times[name])
    return slowest, times[slowest]


def _seconds(client: Any, sql: str) -> float:
    began = time.perf_counter()
    client.query(sql)
    return time.perf_counter() - began


# Published tables that keep days: the day itself is measured among copies of it.
PUBLISHED = ("usage_fact", "usage_user_day", "kpi_daily")


def copies_of_a_day(client: Any, table: str, day: date, days: int) -> str:
    """Return the statement that fills the days before a day with a part of it.

    :param client: ClickHouse client.
    :param table: a published table; its first column is the product, its second the day.
    :param day: the UTC day.
    :param days: how many days.
    """
    column = client.query(f"DESCRIBE TABLE {table}").result_rows[1][0]
    earlier = f"{column} - toIntervalDay(1 + number) AS {column}"
    return (
        f"INSERT INTO {table} SELECT * EXCEPT number REPLACE ({earlier}) FROM "
        f"(SELECT * FROM {table} WHERE {column} = '{day}' LIMIT 500) AS one "
        f"CROSS JOIN numbers({days}) AS before SETTINGS max_partitions_per_insert_block = 0"
    )
