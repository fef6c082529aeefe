"""The KPIs of a day, as a reader of ClickHouse sees them."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from datetime import date

import clickhouse_connect

from sandbox import credentials
from sandbox.airflow.environment import CLICKHOUSE_DATABASE, CLICKHOUSE_USER
from sandbox.settings import HOST, REPOSITORY, Settings

_QUERY = REPOSITORY / "include" / "sql" / "kpi" / "report.sql"
_WHOLE_PLATFORM = "all"


@dataclass(frozen=True)
class KpiRow:
    """One KPI of one day.

    :param dimension: what it is of; empty for the whole platform.
    """

    kpi: str
    dimension: str
    value: str
    unit: str


def kpi_rows(settings: Settings, day: date) -> list[KpiRow]:
    """Return the KPIs of a day."""
    client = clickhouse_connect.get_client(
        host=HOST,
        port=settings.clickhouse_port,
        username=CLICKHOUSE_USER,
        password=credentials.load(settings).clickhouse_password,
        database=CLICKHOUSE_DATABASE,
    )
    with closing(client):
        result = client.query(_QUERY.read_text(), parameters={"day": day})
    return [
        KpiRow(
            row["kpi"],
            "" if row["dim"] == _WHOLE_PLATFORM else row["dim"],
            "none" if row["value"] is None else str(row["value"]),
            row["unit"],
        )
        for row in result.named_results()
    ]
