"""Reviews of business targets, as kpi_rollup publishes them."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from slipway.kpi.warehouse import open_warehouse


def reviewed(as_of: date, release_id: str, **changed: Any) -> None:
    """Publish what was said about one target on a day."""
    row = {
        "product": "token-optimization",
        "as_of": as_of,
        "release_id": release_id,
        "version": "1.1.0",
        "promoted_on": date(2026, 3, 2),
        "horizon": "month_1",
        "target": "savings",
        "title": "Demonstrated customer savings",
        "kpi": "cost_savings_usd",
        "unit": "USD",
        "status": "on_track",
        "value": Decimal("4938.27"),
        "at_least": Decimal(5000),
        "at_most": None,
        "n": 4,
        "forecast": Decimal("37037.04"),
        "forecast_low": Decimal("30000.5"),
        "forecast_high": Decimal(40000),
        "due": date(2026, 3, 31),
        "reason": "expected by the due date",
        "run_id": "run",
        "published_at": datetime.now(UTC),
        **changed,
    }
    with open_warehouse() as warehouse:
        warehouse.insert("target_review", list(row), [list(row.values())])
