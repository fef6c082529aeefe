"""The KPIs and the reviewed targets of a day, as a reader of ClickHouse sees them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import date
from typing import Any

import clickhouse_connect

from sandbox.airflow.environment import CLICKHOUSE_DATABASE, CLICKHOUSE_USER
from sandbox.supervisor import credentials
from sandbox.supervisor.settings import HOST, REPOSITORY, Settings

_QUERIES = REPOSITORY / "include" / "sql" / "kpi"
_PRODUCT, _WHOLE_PLATFORM = "token-optimization", "all"


@dataclass(frozen=True)
class KpiRow:
    """One KPI of one day.

    :param dimension: what it is of; empty for the whole platform.
    """

    kpi: str
    dimension: str
    value: str
    unit: str


@dataclass(frozen=True)
class TargetRow:
    """What was said about one business target."""

    title: str
    status: str
    value: str
    due: date
    reason: str


def kpi_rows(settings: Settings, day: date) -> list[KpiRow]:
    """Return the KPIs of a day."""
    return [
        KpiRow(
            row["kpi"],
            "" if row["dim"] == _WHOLE_PLATFORM else row["dim"],
            "none" if row["value"] is None else str(row["value"]),
            row["unit"],
        )
        for row in _read(settings, "report", day)
    ]


def target_rows(settings: Settings, day: date) -> list[TargetRow]:
    """Return what was said about the targets on a day."""
    return [
        TargetRow(
            row["title"],
            row["status"].replace("_", " "),
            "none" if row["value"] is None else f"{row['value']:,.2f} {row['unit']}",
            row["due"],
            row["reason"],
        )
        for row in _read(settings, "target_report", day)
    ]


def _read(settings: Settings, query: str, day: date) -> Iterable[Mapping[str, Any]]:
    client = clickhouse_connect.get_client(
        host=HOST,
        port=settings.clickhouse_port,
        username=CLICKHOUSE_USER,
        password=credentials.load(settings).clickhouse_password,
        database=CLICKHOUSE_DATABASE,
    )
    with closing(client):
        parameters = {"product": _PRODUCT, "day": day}
        result = client.query((_QUERIES / f"{query}.sql").read_text(), parameters=parameters)
        return list(result.named_results())
