"""Operators that keep ClickHouse's schema, and the one that checks the source's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from slipway.kpi import migrations, views
from slipway.kpi.errors import SourceDrift
from slipway.kpi.source_schema import drift, expected_schema
from slipway.kpi.staging import PREFIX, run_suffix
from slipway.kpi.warehouse import open_warehouse
from slipway.operators.kpi.base import ProductOperator, WarehouseOperator

if TYPE_CHECKING:
    from airflow.sdk import Context


class MigrateClickHouseOperator(WarehouseOperator):
    """Bring the ClickHouse schema and its views up to date."""

    def execute(self, context: Context) -> list[str]:
        """Apply the migrations that are not applied yet, and define the views anew where they changed.

        :param context: Airflow's context of the task.
        :return: names of what was applied.
        """
        with open_warehouse(self.clickhouse_conn_id) as warehouse:
            applied = migrations.apply(warehouse.client, migrations.load(), cluster=warehouse.cluster)
            applied += views.define(warehouse)
        self.log.info("kpi_schema_migrated", applied=applied)
        return applied


class CheckSourceSchemaOperator(ProductOperator):
    """Refuse a source whose tables are not what the rollup reads."""

    def execute(self, context: Context) -> list[str]:
        """Compare the source's columns and types with ``include/quality/source_schema.yaml``.

        :param context: Airflow's context of the task.
        :return: columns that the rollup does not know yet; they harm nothing.
        :raises SourceDrift: naming every table, column and type that differs, or that is not read whole.
        """
        with open_warehouse(self.clickhouse_conn_id) as warehouse:
            collection = {"collection": self.source.collection}
            found = warehouse.rows("quality/source_columns", collection)
            hidden = warehouse.rows("quality/source_row_security", collection)
        expected = expected_schema()
        wrong, unknown = drift(expected, found)
        self.log.info("kpi_source_schema_checked", product=self.product, wrong=wrong, unknown=unknown)
        if wrong:
            raise SourceDrift(
                f"PostgreSQL behind the named collection {self.source.collection} is not what the rollup "
                f"reads: {'; '.join(wrong)}. The tables are made by a release "
                "(include/sql/postgres/migrations): run the release DAG first if it never ran; otherwise "
                "bring the statements that read them and include/quality/source_schema.yaml up to date. "
                "Then clear this task"
            )
        unread = [f"{table} from {reader}" for table, reader, relation in hidden if relation in expected]
        if unread:
            raise SourceDrift(
                f"row-level security hides rows of {', '.join(unread)}: the KPIs would be those of the "
                "other rows. Let it read every row: ALTER ROLE ... BYPASSRLS, or CREATE POLICY ... FOR "
                "SELECT TO ... USING (true) on each table. Then clear this task"
            )
        return unknown


class DropStagingOperator(ProductOperator):
    """Drop this run's staging tables of the product, and any that a run left behind more than a day ago."""

    def execute(self, context: Context) -> int:
        """Drop them.

        :param context: Airflow's context of the task.
        :return: how many were dropped.
        """
        parameters = {"prefix": PREFIX, "run": run_suffix(self.product, str(context["run_id"]))}
        with open_warehouse(self.clickhouse_conn_id) as warehouse:
            tables = [row[0] for row in warehouse.rows("clickhouse/staging_tables", {}, parameters)]
            for table in tables:
                warehouse.run("clickhouse/drop_table", {"table": table})
        self.log.info("kpi_staging_dropped", tables=len(tables))
        return len(tables)
