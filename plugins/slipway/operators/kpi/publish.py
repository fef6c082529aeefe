"""The operator that shows a staged day to readers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from slipway.kpi.day import parse_day
from slipway.kpi.warehouse import open_warehouse
from slipway.operators.kpi.base import DayOperator

if TYPE_CHECKING:
    from airflow.sdk import Context


class PublishDayOperator(DayOperator):
    """Replace the day in every published table, each in one step; run again it changes nothing.

    :param tables: the tables to publish, in their order.
    :param expected_rows: rows that the source's day must have, by table (templated); a table that is named
        here with more than 0 is never replaced with nothing.
    """

    template_fields: Sequence[str] = ("day", "inputs", "expected_rows")

    def __init__(self, *, tables: Sequence[str], expected_rows: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.tables = tables
        self.expected_rows = expected_rows

    def execute(self, context: Context) -> dict[str, Any]:
        """Publish.

        :param context: Airflow's context of the task.
        :return: ``product``, ``day`` and ``rows`` of the source's usage.
        """
        day, staged = parse_day(self.day), self.staged()
        expected: Mapping[str, int] = self.expected_rows
        with open_warehouse(self.clickhouse_conn_id) as warehouse:
            for table in self.tables:
                warehouse.run(
                    "kpi/publish",
                    {"table": table, "staging": staged[table]},
                    {"day": day, "product": self.product},
                    {"allow_replace_partition_from_empty_source": int(expected.get(table, 0) == 0)},
                )
        published: dict[str, Any] = {
            "product": self.product,
            "day": day.isoformat(),
            "rows": expected["usage_fact"],
        }
        for outlet in self.outlets if "outlet_events" in context else ():
            context["outlet_events"][outlet].extra = published
        self.log.info("kpi_published", **published, tables=list(self.tables))
        return published
