"""Operators of the daily KPI rollup: each runs statements of ``include/sql`` in ClickHouse for one UTC day.

No row passes through a task. Every operator writes one audit line and returns a small XCom.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator

from slipway.kpi import migrations
from slipway.kpi.day import bind_day, parse_day
from slipway.kpi.errors import QualityCheckFailed, ReconciliationFailed, SourceMissing
from slipway.kpi.quality import Subject, check
from slipway.kpi.staging import PREFIX, bind_identifiers, run_suffix, staging_table
from slipway.kpi.warehouse import CLICKHOUSE_CONNECTION, Warehouse, clickhouse_hook, open_warehouse
from slipway.statements import SQL_DIRECTORY, statement

if TYPE_CHECKING:
    from airflow.sdk import Context

PARTITION_KEY = "{{ dag_run.partition_key }}"
SOURCE_CONNECTION = "netra_production_db"
# What PostgreSQL's driver, and ClickHouse itself, say when the release's migrations were not applied.
_MISSING = ("undefined_table", "undefined_column", "PostgreSQL table")


class MigrateClickHouseOperator(BaseOperator):
    """Bring the ClickHouse schema up to date.

    :param clickhouse_conn_id: the ClickHouse connection; its database is where the tables live.
    """

    def __init__(self, *, clickhouse_conn_id: str = CLICKHOUSE_CONNECTION, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.clickhouse_conn_id = clickhouse_conn_id

    def execute(self, context: Context) -> list[str]:
        """Apply the migrations that are not applied yet.

        :returns: their names.
        """
        with open_warehouse(self.clickhouse_conn_id) as warehouse:
            applied = migrations.apply(warehouse.client, migrations.load())
        self.log.info("kpi_schema_migrated", applied=applied)
        return applied


class StageOperator(BaseOperator):
    """Fill a staging table of this try's own.

    :param table: the table it is shaped like; statements write to ``{<table>:Identifier}``.
    :param statements: names below ``include/sql``; a name ending in ``/`` stands for every file there.
    :param inputs: tables that the statements read, by identifier (templated; usually earlier stages' tables).
    :param day: the UTC day, ``YYYY-MM-DD`` (templated).
    :param clickhouse_conn_id: the ClickHouse connection.
    """

    template_fields: Sequence[str] = ("day", "inputs")

    def __init__(
        self,
        *,
        table: str,
        statements: Sequence[str],
        inputs: Mapping[str, Any] | None = None,
        day: str = PARTITION_KEY,
        clickhouse_conn_id: str = CLICKHOUSE_CONNECTION,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.table = table
        self.statements = statements
        self.inputs = inputs or {}
        self.day = day
        self.clickhouse_conn_id = clickhouse_conn_id

    def execute(self, context: Context) -> str:
        """Create the staging table and run the statements.

        :returns: the staging table's name.
        :raises SourceMissing: when the source has not got the tables of a release.
        """
        day = parse_day(self.day)
        run_id, attempt = str(context["run_id"]), int(context["ti"].try_number)
        # One try can still be executed twice at once (a lost worker, a restarted scheduler).
        staging = f"{staging_table(self.table, run_id, attempt)}_{secrets.token_hex(3)}"
        parameters = {
            "day": day,
            "run_id": run_id,
            "published_at": datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3],
        }
        rows = 0
        with open_warehouse(self.clickhouse_conn_id) as warehouse:
            warehouse.run("clickhouse/create_like", {"table": staging, "shape": self.table})
            for name in self._names():
                tables = {**self.inputs, self.table: staging}
                rows += self._run(warehouse, name, tables, parameters)
        self.log.info("kpi_staged", day=day.isoformat(), table=self.table, staging=staging, rows=rows)
        return staging

    def _names(self) -> list[str]:
        names: list[str] = []
        for name in self.statements:
            if name.endswith("/"):
                names += [f"{name}{path.stem}" for path in sorted((SQL_DIRECTORY / name).glob("*.sql"))]
            else:
                names.append(name)
        return names

    def _run(
        self, warehouse: Warehouse, name: str, tables: Mapping[str, str], parameters: Mapping[str, Any]
    ) -> int:
        from clickhouse_connect.driver.exceptions import DatabaseError

        try:
            return warehouse.run(name, tables, parameters)
        except DatabaseError as error:
            if not any(sign in str(error) for sign in _MISSING):
                raise
            raise SourceMissing(
                f"{name}: PostgreSQL behind the named collection slipway_source lacks a table or column that "
                f"this statement reads. token_usage_tracking is made by a release (include/sql/postgres/"
                f"migrations): run the release DAG first, then clear this task. PostgreSQL said: "
                f"{_first_sentence(str(error))}"
            ) from error


class ReconcileOperator(BaseOperator):
    """Compare what is staged with what the source counted itself; nothing is published when they differ.

    :param inputs: the staging tables, by identifier (templated).
    :param day: the UTC day, ``YYYY-MM-DD`` (templated).
    :param clickhouse_conn_id: the ClickHouse connection.
    """

    template_fields: Sequence[str] = ("day", "inputs")

    def __init__(
        self,
        *,
        inputs: Mapping[str, Any],
        day: str = PARTITION_KEY,
        clickhouse_conn_id: str = CLICKHOUSE_CONNECTION,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.inputs = inputs
        self.day = day
        self.clickhouse_conn_id = clickhouse_conn_id

    def execute(self, context: Context) -> int:
        """Run the checks of ``kpi/reconcile.sql``.

        :returns: rows of the source's day.
        :raises ReconciliationFailed: when any check differs; the message has every one that does.
        """
        day = parse_day(self.day)
        with open_warehouse(self.clickhouse_conn_id) as warehouse:
            checks = warehouse.rows("kpi/reconcile", self.inputs, {"day": day})
        wrong = [
            f"{name}: expected {expected}, found {found}"
            for name, expected, found in checks
            if expected != found
        ]
        expected = {name: value for name, value, _ in checks}
        rows, cost = int(expected["fact rows"] or 0), str(expected["fact cost"])
        self.log.info(
            "kpi_reconciled", day=day.isoformat(), rows=rows, cost_usd=cost, checks=len(checks), wrong=wrong
        )
        if wrong:
            raise ReconciliationFailed(
                f"{day}: nothing was published, because the staged day is not what the source sent: "
                f"{'; '.join(wrong)}. Clear the run's extract to try again"
            )
        return rows


class QualityOperator(BaseOperator):
    """Check the expectations about the source's day and about the staged KPIs.

    :param inputs: the staging tables, by identifier (templated).
    :param day: the UTC day, ``YYYY-MM-DD`` (templated).
    :param postgres_conn_id: the source database.
    :param clickhouse_conn_id: the ClickHouse connection.
    """

    template_fields: Sequence[str] = ("day", "inputs")

    def __init__(
        self,
        *,
        inputs: Mapping[str, Any],
        day: str = PARTITION_KEY,
        postgres_conn_id: str = SOURCE_CONNECTION,
        clickhouse_conn_id: str = CLICKHOUSE_CONNECTION,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.inputs = inputs
        self.day = day
        self.postgres_conn_id = postgres_conn_id
        self.clickhouse_conn_id = clickhouse_conn_id

    def execute(self, context: Context) -> dict[str, int]:
        """Check every subject.

        :returns: number of expectations met, by subject.
        :raises QualityCheckFailed: when any is not met; the message has every one.
        """
        day = parse_day(self.day)
        findings = check(self._subjects(day))
        broken = [f"{finding.name}: {line}" for finding in findings for line in finding.broken]
        met = {finding.name: finding.expectations - len(finding.broken) for finding in findings}
        self.log.info("kpi_quality_checked", day=day.isoformat(), met=met, broken=broken)
        if broken:
            raise QualityCheckFailed(f"{day}: nothing was published, because {'; '.join(broken)}")
        return met

    def _subjects(self, day: date) -> list[Subject]:
        from airflow.providers.postgres.hooks.postgres import PostgresHook

        postgres = PostgresHook(postgres_conn_id=self.postgres_conn_id).get_uri()
        clickhouse = clickhouse_hook(self.clickhouse_conn_id).get_uri()
        return [
            Subject("source_usage", bind_day(statement("quality/source_usage"), day), postgres),
            Subject("kpi_daily", bind_identifiers(statement("quality/kpi_daily"), self.inputs), clickhouse),
        ]


class PublishDayOperator(BaseOperator):
    """Replace the day in every published table, each in one step; run again it changes nothing.

    :param tables: published table to its staging table, in the order of publication (templated).
    :param source_rows: rows of the source's day (templated); only when 0 may an empty day replace a full one.
    :param day: the UTC day, ``YYYY-MM-DD`` (templated).
    :param clickhouse_conn_id: the ClickHouse connection.
    """

    template_fields: Sequence[str] = ("day", "tables", "source_rows")

    def __init__(
        self,
        *,
        tables: Mapping[str, Any],
        source_rows: Any,
        day: str = PARTITION_KEY,
        clickhouse_conn_id: str = CLICKHOUSE_CONNECTION,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.tables = tables
        self.source_rows = source_rows
        self.day = day
        self.clickhouse_conn_id = clickhouse_conn_id

    def execute(self, context: Context) -> dict[str, Any]:
        """Publish.

        :returns: ``day`` and ``rows`` of the source.
        """
        day, rows = parse_day(self.day), int(self.source_rows)
        settings = {"allow_replace_partition_from_empty_source": int(rows == 0)}
        with open_warehouse(self.clickhouse_conn_id) as warehouse:
            for table, staging in self.tables.items():
                names = {"table": table, "staging": staging}
                warehouse.run("kpi/publish", names, {"day": day}, settings)
        self.log.info("kpi_published", day=day.isoformat(), rows=rows, tables=list(self.tables))
        return {"day": day.isoformat(), "rows": rows}


class DropStagingOperator(BaseOperator):
    """Drop this run's staging tables, and any that a run left behind more than a day ago.

    :param clickhouse_conn_id: the ClickHouse connection.
    """

    def __init__(self, *, clickhouse_conn_id: str = CLICKHOUSE_CONNECTION, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.clickhouse_conn_id = clickhouse_conn_id

    def execute(self, context: Context) -> int:
        """Drop them.

        :returns: how many were dropped.
        """
        parameters = {"prefix": PREFIX, "run": run_suffix(str(context["run_id"]))}
        with open_warehouse(self.clickhouse_conn_id) as warehouse:
            tables = [row[0] for row in warehouse.rows("clickhouse/staging_tables", {}, parameters)]
            for table in tables:
                warehouse.run("clickhouse/drop_table", {"table": table})
        self.log.info("kpi_staging_dropped", tables=len(tables))
        return len(tables)


def _first_sentence(text: str) -> str:
    return text[text.find("DB::Exception") :].splitlines()[0][:300]
