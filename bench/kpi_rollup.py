"""How fast one day rolls up: every task of the KPI rollup against a bare INSERT..SELECT of the same rows.

    python -m bench.kpi_rollup [--rows 1000000]

Starts its own PostgreSQL and ClickHouse in a temporary folder, fills one day, and prints a table.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import clickhouse_connect
import psycopg

from sandbox import credentials
from sandbox.databases import postgres
from sandbox.databases.clickhouse.program import program as clickhouse_program
from sandbox.processes import Program, launch, wait_ready
from sandbox.settings import HOST, REPOSITORY, Settings

DAY = "2026-01-31"
SQL = REPOSITORY / "include" / "sql"
PEOPLE = """
INSERT INTO users (id, plan, monthly_budget_usd)
SELECT md5(n::text)::uuid, (ARRAY['free', 'pro', 'enterprise'])[1 + n % 3], 100
FROM generate_series(1, 400) AS n
"""
FILL = """
INSERT INTO token_usage_tracking (
    id, user_id, session_key, agent_name, tokens_used, cost_usd, optimization_applied, created_at, model,
    tokens_original, cost_original_usd, optimization_succeeded, revision
)
SELECT
    md5(n::text)::uuid, people[1 + n % array_length(people, 1)], 'session-' || n % 5000, 'agent-' || n % 8,
    100 + n % 900, (100 + n % 900) * 0.00003, true,
    timestamp '2026-01-31' + n * interval '86400 seconds' / <rows>, 'gpt-4',
    130 + n % 1100, (130 + n % 1100) * 0.00003, n % 20 <> 0, 'netra-backend-prod-0000' || n % 2
FROM generate_series(0, <rows> - 1) AS n, (SELECT array_agg(id ORDER BY id) AS people FROM users) AS everybody
"""
BARE_TABLE = """
CREATE TABLE bare ENGINE = MergeTree ORDER BY (user_id, id)
AS SELECT * FROM postgresql(slipway_source, table = 'token_usage_tracking')
WHERE created_at < toDateTime64('2000-01-01', 6)
"""
BARE = """
INSERT INTO bare
SELECT * FROM postgresql(slipway_source, table = 'token_usage_tracking')
WHERE created_at >= toDateTime64('2026-01-31', 6) AND created_at < toDateTime64('2026-02-01', 6)
SETTINGS external_table_strict_query = 1
"""


def main() -> None:
    """Run the benchmark and print its table."""
    parser = argparse.ArgumentParser(prog="python -m bench.kpi_rollup", description="Time one day's rollup.")
    parser.add_argument("--rows", type=int, default=1_000_000, help="rows of the day")
    rows = parser.parse_args().rows
    home = Path(tempfile.mkdtemp(prefix="slipway-bench-"))
    home.chmod(0o755)
    try:
        with _servers(home) as (settings, clickhouse):
            _fill(settings, rows)
            bare = _bare(settings)
            times = dict(_run_tasks(settings))
            peak = _peak_memory(clickhouse)
    finally:
        shutil.rmtree(home)
    _print(bare, times, rows, peak)


def _fill(settings: Settings, rows: int) -> None:
    with psycopg.connect(postgres.uri(settings, "netra_production"), autocommit=True) as connection:
        connection.execute((SQL / "postgres" / "seed" / "0001_users.sql").read_text().encode())
        connection.execute(PEOPLE.encode())
        for path in sorted((SQL / "postgres" / "migrations").glob("*.sql")):
            if not path.stem.endswith(".rollback"):
                connection.execute(path.read_text().encode())
        connection.execute(FILL.replace("<rows>", str(rows)).encode())
        connection.execute(
            "INSERT INTO token_price (model, effective_from, usd_per_token) "
            "VALUES ('gpt-4', timestamp '2025-01-01', 0.00003)"
        )
        connection.execute("VACUUM ANALYZE token_usage_tracking")
    with psycopg.connect(postgres.uri(settings, "slipway"), autocommit=True) as connection:
        for path in sorted((SQL / "ledger" / "migrations").glob("*.sql")):
            if not path.stem.endswith(".rollback"):
                connection.execute(path.read_text().encode())


def _bare(settings: Settings) -> float:
    client = clickhouse_connect.get_client(
        host=HOST,
        port=settings.clickhouse_port,
        username="slipway",
        password=credentials.load(settings).clickhouse_password,
        database="kpi",
        autogenerate_session_id=False,
    )
    client.command(BARE_TABLE)
    began = time.perf_counter()
    client.command(BARE)
    seconds = time.perf_counter() - began
    client.close()
    return seconds


def _run_tasks(settings: Settings) -> Iterator[tuple[str, float]]:
    """Run the DAG's tasks in their order, without a scheduler; yields each task's id and seconds."""
    connection = {
        "conn_type": "clickhouse",
        "host": HOST,
        "port": settings.clickhouse_port,
        "login": "slipway",
        "password": credentials.load(settings).clickhouse_password,
        "schema": "kpi",
    }
    os.environ["AIRFLOW_HOME"] = str(settings.home / "airflow")
    os.environ["AIRFLOW_CONN_SLIPWAY_CLICKHOUSE"] = json.dumps(connection)
    os.environ["AIRFLOW_CONN_NETRA_PRODUCTION_DB"] = postgres.uri(settings, "netra_production")
    os.environ["AIRFLOW_CONN_SLIPWAY_LEDGER"] = postgres.uri(settings, "slipway")
    sys.path[:0] = [str(REPOSITORY / "plugins"), str(REPOSITORY / "dags")]
    from airflow.sdk.definitions.xcom_arg import PlainXComArg

    results: dict[str, Any] = {}

    def rendered(value: Any) -> Any:
        if isinstance(value, PlainXComArg):
            return results[value.operator.task_id]
        if isinstance(value, dict):
            return {key: rendered(item) for key, item in value.items()}
        return DAY if isinstance(value, str) and "dag_run.partition_key" in value else value

    context = {"run_id": "bench", "ti": SimpleNamespace(try_number=1)}
    for task in importlib.import_module("kpi_rollup").dag.topological_sort():
        for field in task.template_fields:
            setattr(task, field, rendered(getattr(task, field)))
        began = time.perf_counter()
        # Audit lines go to standard error: standard output is the table alone.
        with contextlib.redirect_stdout(sys.stderr):
            results[task.task_id] = type(task).execute.__wrapped__(task, context)
        yield task.task_id, time.perf_counter() - began


def _print(bare: float, times: dict[str, float], rows: int, peak_mib: int) -> None:
    print(f"{'step':<22}{'seconds':>9}{'rows/s':>14}{'x bare':>9}")
    total = sum(times.values())
    lines = {
        "bare INSERT..SELECT": bare,
        **times,
        "all but quality": total - sum(seconds for step, seconds in times.items() if "quality" in step),
        "all": total,
    }
    for step, seconds in lines.items():
        print(f"{step:<22}{seconds:>9.2f}{rows / seconds:>14,.0f}{seconds / bare:>9.2f}")
    print(f"{rows:,} rows in the day; ClickHouse's peak memory {peak_mib} MiB")


@contextlib.contextmanager
def _servers(home: Path) -> Iterator[tuple[Settings, subprocess.Popen[bytes]]]:
    settings = Settings(home=home, port_base=_free_base())
    credentials.create(settings)
    with _running(postgres.program(settings), settings):
        postgres.create_databases(settings)
        with _running(clickhouse_program(settings), settings) as clickhouse:
            yield settings, clickhouse


@contextlib.contextmanager
def _running(program: Program, settings: Settings) -> Iterator[subprocess.Popen[bytes]]:
    process = launch(program, settings)
    try:
        wait_ready(program, process, settings)
        yield process
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(20)


def _free_base() -> int:
    for base in range(32000, 40000, 10):
        settings = Settings(home=Path(), port_base=base)
        with socket.socket() as one, socket.socket() as other, contextlib.suppress(OSError):
            one.bind((HOST, settings.postgres_port))
            other.bind((HOST, settings.clickhouse_port))
            return base
    raise RuntimeError("no free ports between 32000 and 40000")


def _peak_memory(process: subprocess.Popen[bytes]) -> int:
    """Return the highest resident memory of a process so far, in MiB."""
    lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) // 1024 for line in lines if line.startswith("VmHWM"))


if __name__ == "__main__":
    main()
