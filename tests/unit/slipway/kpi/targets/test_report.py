"""The review as a reader sees it."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal

from slipway.kpi.targets.report import ReviewedTarget

ROW = ReviewedTarget(
    as_of=date(2026, 3, 5),
    release_id="v1-1-0-abcdef",
    version="1.1.0",
    promoted_on=date(2026, 3, 2),
    horizon="month_1",
    title="Demonstrated customer savings",
    unit="USD",
    status="on_track",
    value=Decimal("4938.270000"),
    at_least=Decimal("5000.000000"),
    at_most=None,
    forecast=Decimal("37037.040000"),
    low=Decimal("30000.000000"),
    high=Decimal("40000.500000"),
    due=date(2026, 3, 31),
    reason="expected by the due date",
)


def test_a_target_in_words() -> None:
    assert (ROW.horizon_title, ROW.required) == ("Month 1", "at least 5,000 USD")
    assert ROW.expected == "37,037.04 (30,000 to 40,000.50)"


def test_what_is_not_known_is_left_empty() -> None:
    unknown = replace(ROW, status="insufficient_data", value=None, forecast=None, at_least=None)
    assert (unknown.expected, unknown.required) == ("", "")


def test_limits_on_one_side_and_on_both() -> None:
    assert replace(ROW, at_least=None, at_most=Decimal(3)).required == "at most 3 USD"
    assert replace(ROW, at_most=Decimal("9999.5")).required == "5,000 to 9,999.50 USD"
