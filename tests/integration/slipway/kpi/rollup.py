"""Runs the tasks of the rollup DAG in their order, as the scheduler would, without one."""

from __future__ import annotations

import importlib.util
import inspect
import threading
from collections.abc import Collection
from datetime import date
from types import SimpleNamespace
from typing import Any

import clickhouse_connect
from airflow.sdk.definitions.xcom_arg import PlainXComArg
from slipway.kpi.policy import load_rollup_policy
from slipway.kpi.warehouse import open_warehouse
from slipway.operators.kpi.base import DAY

from sandbox.history.truth import Kpis
from sandbox.supervisor import credentials
from sandbox.supervisor.settings import HOST, REPOSITORY, Settings

# Airflow keeps the DAG that is being defined in one place for all threads.
_LOADING = threading.Lock()
# The product that the sandbox's source has the KPIs of.
PRODUCT = "token-optimization"
BESIDE_THE_FACTS = ("event_fact", "release_phase", "bad_revision", "usage_user_day", "subscriber_day")


class Rollup:
    """A product's DAG, and a client that reads what it published."""

    def __init__(self, settings: Settings, product: str = PRODUCT) -> None:
        self._settings = settings
        self._product = product
        self._client: Any = None

    def run(
        self, day: str, *, skip: Collection[str] = (), until: str = "drop_staging", attempt: int = 1
    ) -> dict[str, Any]:
        """Run the tasks.

        :param skip: ids of tasks to leave out.
        :param until: id of the last task to run.
        :return: each task's XCom by its id.
        """
        results: dict[str, Any] = {}
        with _LOADING:
            dag = load_dag(self._product)
        for task in dag.topological_sort():
            if task.task_id in skip:
                continue
            results[task.task_id] = _execute(task, day, attempt, results)
            if task.task_id == until:
                break
        return results

    @property
    def client(self) -> Any:
        """A client of ClickHouse; opened when first used."""
        if self._client is None:
            self._client = clickhouse_connect.get_client(
                host=HOST,
                port=self._settings.clickhouse_port,
                username="slipway",
                password=credentials.load(self._settings).clickhouse_password,
                autogenerate_session_id=False,
            )
        return self._client

    def command(self, sql: str) -> Any:
        """Run one statement."""
        return self.client.command(sql)

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """Return a query's rows."""
        return list(self.client.query(sql).result_rows)

    def kpis(self, day: str) -> dict[tuple[str, str], tuple[Any, ...]]:
        """Return value, numerator, denominator and n by KPI and dimension."""
        rows = self.query(
            "SELECT kpi, dim, value, numerator, denominator, n FROM kpi.kpi_daily "
            f"WHERE product = '{self._product}' AND as_of = '{day}'"
        )
        return {(row[0], row[1]): row[2:] for row in rows}

    def values(self, day: date) -> Kpis:
        """Return the values of a day's KPIs by KPI and dimension."""
        return {key: row[0] for key, row in self.kpis(day.isoformat()).items()}

    def published(self, day: str) -> tuple[Any, ...]:
        """Return everything published for a day of the product except when and by which run."""
        of_day = f"product = '{self._product}' AND day = '{day}'"
        return (
            self.query(f"SELECT * FROM kpi.usage_fact WHERE {of_day} ORDER BY ALL"),
            *(
                self.query(f"SELECT * FROM kpi.{table} WHERE {of_day} ORDER BY ALL")
                for table in (
                    "event_fact",
                    "release_phase",
                    "bad_revision",
                    "usage_user_day",
                    "subscriber_day",
                )
            ),
            self.query(f"SELECT * FROM kpi.source_fingerprint WHERE {of_day} ORDER BY ALL"),
            self.query(
                "SELECT * EXCEPT (run_id, published_at) FROM kpi.kpi_daily "
                f"WHERE product = '{self._product}' AND as_of = '{day}' ORDER BY ALL"
            ),
        )

    def differing_days(self, days: int | None = None) -> dict[date, str]:
        """Return the days that the DAG of late data would roll up again, and why.

        :param days: how many to look at; as many as the policy says if not given.
        """
        policy = load_rollup_policy()
        window = {"window_days": days or policy.late_window_days, "product": self._product}
        collection = {"collection": policy.source(self._product).collection}
        with open_warehouse() as warehouse:
            return dict(warehouse.rows("kpi/late/differing_days", collection, window))

    def staging_tables(self) -> list[str]:
        """Return the names of the staging tables there are."""
        return [
            row[0]
            for row in self.query(
                "SELECT name FROM system.tables WHERE database = 'kpi' AND name LIKE 'stg_%'"
            )
        ]

    def close(self) -> None:
        """Close the client."""
        if self._client is not None:
            self._client.close()


def load_dag(product: str = PRODUCT) -> Any:
    """Load the DAG file anew: running it puts this run's values into its operators."""
    spec = importlib.util.spec_from_file_location(
        "kpi_rollup_under_test", REPOSITORY / "dags" / "kpi_rollup.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return getattr(module, load_rollup_policy().dag_ids("kpi_rollup")[product])


def execute(task_id: str, day: str, attempt: int, results: dict[str, Any]) -> Any:
    """Run one task.

    :param results: XComs of the tasks before it.
    :return: its XCom.
    """
    return _execute(load_dag().get_task(task_id), day, attempt, results)


def _execute(task: Any, day: str, attempt: int, results: dict[str, Any]) -> Any:
    context = {"run_id": f"manual__{day}T00:00:00+00:00", "ti": SimpleNamespace(try_number=attempt)}
    for field in task.template_fields:
        setattr(task, field, _render(getattr(task, field), day, results))
    # The undecorated execute: the decorated one warns that no task runner called it.
    return inspect.unwrap(type(task).execute)(task, context)


def _render(value: Any, day: str, results: dict[str, Any]) -> Any:
    if isinstance(value, PlainXComArg):
        return results[value.operator.task_id]
    if isinstance(value, dict):
        return {key: _render(item, day, results) for key, item in value.items()}
    return day if value == DAY else value
