"""The operators that decide whether a day may be published."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, Literal

from slipway.kpi.day import parse_day
from slipway.kpi.errors import QualityCheckFailed, ReconciliationFailed
from slipway.kpi.quality import Subject, check, data_docs
from slipway.kpi.warehouse import open_warehouse, warehouse_uri
from slipway.operators.kpi.base import DayOperator
from slipway.sql import Names, statement

if TYPE_CHECKING:
    from airflow.sdk import Context


class ReconcileDayOperator(DayOperator):
    """Compare what is staged with what the source counted itself; nothing is published when they differ."""

    def execute(self, context: Context) -> dict[str, int]:
        """Run the checks of ``kpi/reconcile.sql``.

        :param context: Airflow's context of the task.
        :return: rows that the source's day must have in each table that cannot be empty otherwise.
        :raises ReconciliationFailed: when any check differs; the message has every one that does.
        """
        day = parse_day(self.day)
        with open_warehouse(self.clickhouse_conn_id) as warehouse:
            checks = warehouse.rows("kpi/reconcile", self.staged(), {"day": day, "product": self.product})
        wrong = [
            f"{name}: expected {expected}, found {found}"
            for name, expected, found in checks
            if expected != found
        ]
        expected: Mapping[str, Any] = {name: value for name, value, _ in checks}
        rows, events = int(expected["fact rows"] or 0), int(expected["event rows"] or 0)
        cost = str(expected["fact cost"])
        self.log.info(
            "kpi_reconciled",
            product=self.product,
            day=day.isoformat(),
            rows=rows,
            events=events,
            cost_usd=cost,
            checks=len(checks),
            wrong=wrong,
        )
        if wrong:
            raise ReconciliationFailed(
                f"{self.product}, {day}: nothing was published, because the staged day differs from what the "
                f"source counted: {'; '.join(wrong)}. Clear the run's extract to try again"
            )
        return {
            "usage_fact": rows,
            "usage_user_day": rows,
            "event_fact": events,
            "kpi_daily": 1,
            "source_fingerprint": 3,
        }


class QualityOperator(DayOperator):
    """Check expectations about the source's day, or about what is staged.

    :param subjects: names of the statements below ``include/sql/quality`` and of the expectations below
        ``include/quality``.
    :param database: ``source`` or ``warehouse``: where the statements run.
    """

    def __init__(
        self,
        *,
        subjects: Sequence[str],
        database: Literal["source", "warehouse"],
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.subjects = subjects
        self.database = database

    def execute(self, context: Context) -> dict[str, int]:
        """Check every subject, and keep the Data Docs.

        :param context: Airflow's context of the task.
        :return: number of expectations met, by subject.
        :raises QualityCheckFailed: when any is not met; the message has every one.
        """
        day = parse_day(self.day)
        docs = data_docs() / self.product / day.isoformat() / self.database
        findings = check(self._subjects(day), docs)
        broken = [f"{finding.name}: {line}" for finding in findings for line in finding.broken]
        warnings = [f"{finding.name}: {line}" for finding in findings for line in finding.warnings]
        met = {
            finding.name: finding.expectations - len(finding.broken) - len(finding.warnings)
            for finding in findings
        }
        for line in warnings:
            self.log.warning("%s (the default of include/quality applies)", line)
        self.log.info(
            "kpi_quality_checked",
            product=self.product,
            day=day.isoformat(),
            met=met,
            broken=broken,
            warnings=warnings,
            data_docs=str(docs / "index.html"),
        )
        if broken:
            raise QualityCheckFailed(
                f"{self.product}, {day}: nothing was published, because {'; '.join(broken)}"
            )
        return met

    def _subjects(self, day: date) -> list[Subject]:
        if self.database == "source":
            from airflow.providers.postgres.hooks.postgres import PostgresHook

            uri = PostgresHook(postgres_conn_id=self.source.connection).get_uri()
            names: Names = {"day": day, "next_day": day + timedelta(days=1)}
        else:
            uri, names = warehouse_uri(self.clickhouse_conn_id), self.staged()
        return [Subject(name, statement(f"quality/{name}", names), uri) for name in self.subjects]
