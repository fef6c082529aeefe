"""The business targets on the Release page, as of the newest reviewed day in ClickHouse."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from slipway.kpi.warehouse import open_warehouse
from slipway.ledger.ledger import Ledger

from tests.integration.slipway.releases import open_release
from tests.integration.slipway.ui.pages import HOSTILE, elements, text_of

if TYPE_CHECKING:
    from starlette.testclient import TestClient

pytestmark = [pytest.mark.sandbox, pytest.mark.usefixtures("warehouse")]


def reviewed(as_of: date, release_id: str, **changed: Any) -> None:
    """Publish what was said about one target on a day."""
    row = {
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


def test_the_newest_reviewed_day_is_shown_with_every_column(reader: TestClient, ledger: Ledger) -> None:
    launch = open_release(ledger, "1.1.0")
    ledger.close(launch.release_id, outcome="promoted", reason="every phase was promoted")
    later = open_release(ledger, "1.2.0")
    reviewed(date(2026, 3, 4), launch.release_id, status="behind", reason="a day ago")
    reviewed(date(2026, 3, 5), launch.release_id)
    week = {"horizon": "week_1", "target": "conversions", "title": "Free users who became paying"}
    none = {"forecast": None, "forecast_low": None, "forecast_high": None, "value": None}
    said = {
        "status": "insufficient_data",
        "unit": "users",
        "at_least": Decimal(2),
        "reason": "no event yet",
    }
    reviewed(date(2026, 3, 5), launch.release_id, due=date(2026, 3, 8), **week, **none, **said)
    words = text_of(reader.get(f"/slipway/releases/{launch.release_id}").text)
    assert "As of 2026-03-05 , the newest reviewed day. They are dated from this release" in words
    assert (
        "Demonstrated customer savings on track 4,938.27 USD at least 5,000 USD"
        " 37,037.04 (30,000.50 to 40,000) 2026-03-31 expected by the due date"
    ) in words
    assert "Free users who became paying not enough data at least 2 users 2026-03-08 no event yet" in words
    assert words.index("Week 1, until 2026-03-08") < words.index("Month 1, until 2026-03-31")
    assert "a day ago" not in words
    other = text_of(reader.get(f"/slipway/releases/{later.release_id}").text)
    assert "dated from release 1.1.0 , promoted on 2026-03-02" in other


def test_what_a_target_is_called_is_never_markup(reader: TestClient, ledger: Ledger) -> None:
    release = open_release(ledger, "1.1.0")
    reviewed(date(2026, 3, 5), HOSTILE, title=HOSTILE, reason=HOSTILE, unit=HOSTILE, version=HOSTILE)
    page = reader.get(f"/slipway/releases/{release.release_id}").text
    assert text_of(page).count(HOSTILE) == 5
    assert len(elements(page, "script")) == 1
