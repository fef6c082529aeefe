"""The Grafana dashboards of the project, as tests read them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

from sandbox.supervisor.settings import REPOSITORY

GRAFANA = REPOSITORY / "include" / "monitoring" / "grafana"
DASHBOARDS = sorted((GRAFANA / "dashboards").glob("*.json"))
CLICKHOUSE, PROMETHEUS = "slipway-clickhouse", "slipway-prometheus"


def dashboard(path: Path) -> dict[str, Any]:
    """Read one dashboard."""
    loaded: dict[str, Any] = json.loads(path.read_text())
    return loaded


def panels(path: Path) -> list[dict[str, Any]]:
    """The panels of a dashboard, without its headings."""
    return [panel for panel in dashboard(path)["panels"] if panel["type"] != "row"]


def queries(datasource: str) -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
    """Every query to a data source: a name for messages, its panel, and itself."""
    for path in DASHBOARDS:
        for panel in panels(path):
            for target in panel["targets"]:
                if target["datasource"]["uid"] == datasource:
                    yield f"{path.stem}: {panel['title']}", panel, target


def variables(path: Path) -> dict[str, str]:
    """The queries of a dashboard's variables, by their names."""
    return {each["name"]: each["query"] for each in dashboard(path)["templating"]["list"]}


def expanded(sql: str, first: date, last: date, product: str = "token-optimization") -> str:
    """Put a time range and the chosen product in, as Grafana and its ClickHouse plugin do."""
    return re.sub(
        r"\$__dateFilter\((\w+)\)",
        lambda match: f"({match[1]} >= toDate('{first}') AND {match[1]} <= toDate('{last}'))",
        sql.replace("${product:sqlstring}", f"'{product}'"),
    )
