"""The operator that fills staging tables."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from slipway.kpi.day import parse_day
from slipway.kpi.staging import staging_table
from slipway.kpi.warehouse import open_warehouse
from slipway.operators.kpi.base import DayOperator

if TYPE_CHECKING:
    from airflow.sdk import Context


class StageOperator(DayOperator):
    """Fill staging tables of this try's own.

    :param tables: the tables they are shaped like, in order. Each is filled by the statement
        ``kpi/stage/<table>``; a mapping names other statements below ``include/sql``. A statement writes to
        ``{{ <table> }}``, and reads the tables before its own and those of the inputs in the same way.
        ``{{ collection }}`` is the named collection that leads to the source, ``{{ <table>_view }}`` a name
        for a view that fills the table, ``{{ <table>_source }}`` one for a table in the source that it is
        filled from.
    """

    def __init__(self, *, tables: Sequence[str] | Mapping[str, Sequence[str]], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not isinstance(tables, Mapping):
            tables = {table: [f"kpi/stage/{table}"] for table in tables}
        self.tables = tables

    def execute(self, context: Context) -> dict[str, str]:
        """Create the staging tables and run the statements.

        :param context: Airflow's context of the task.
        :return: each table's staging table.
        """
        day = parse_day(self.day)
        run_id, attempt = str(context["run_id"]), int(context["ti"].try_number)
        # One try can still be executed twice at once (a lost worker, a restarted scheduler).
        mark = secrets.token_hex(3)
        parameters = {
            "product": self.product,
            "day": day,
            "run_id": run_id,
            "published_at": datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3],
        }
        names, made, rows = self.staged() | {"collection": self.source.collection}, {}, {}
        with open_warehouse(self.clickhouse_conn_id) as warehouse:
            for table, statements in self.tables.items():
                staging = f"{staging_table(table, self.product, run_id, attempt)}_{mark}"
                warehouse.run("clickhouse/create_like", {"table": staging, "shape": table})
                warehouse.run("clickhouse/own_product", {"table": staging}, parameters)
                warehouse.run("clickhouse/stop_merges", {"table": staging})
                names[table] = made[table] = staging
                names |= {f"{table}_view": f"{staging}_view", f"{table}_source": f"{staging}_source"}
                rows[table] = sum(warehouse.run(name, names, parameters) for name in statements)
        self.log.info("kpi_staged", product=self.product, day=day.isoformat(), staging=made, rows=rows)
        return made
