"""Accounts and alert levels."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.platform.budgets import NOTHING, Account, Totals, alert_level, month_start, utc_now
from sandbox.platform.configuration import AlertThresholds

THRESHOLDS = AlertThresholds(Decimal("1.00"), Decimal("3.00"), Decimal("5.00"))
MONTH = datetime(2025, 9, 1)  # noqa: DTZ001  the database stores UTC without a zone

_money = st.decimals(0, 50, places=6)
_totals = st.builds(Totals, st.integers(0, 99), st.integers(0, 999), st.integers(0, 999), _money, _money)


def _account(limit: str = "100.00") -> Account:
    return Account(uuid4(), Decimal(limit), MONTH, settled_until=MONTH)


@pytest.mark.parametrize(
    ("spent", "level"),
    [
        ("0.999999", None),
        ("1", "low"),
        ("2.999999", "low"),
        ("3.00", "medium"),
        ("5", "high"),
        ("99.999999", "high"),
        ("100", "exceeded"),
        ("101", "exceeded"),
    ],
)
def test_the_highest_threshold_reached_holds(spent: str, level: str | None) -> None:
    assert alert_level(Decimal(spent), Decimal("100.00"), THRESHOLDS) == level


def test_a_small_budget_is_exceeded_before_any_threshold() -> None:
    assert alert_level(Decimal("0.01"), Decimal("0.01"), THRESHOLDS) == "exceeded"


@given(_totals, _totals, _totals)
def test_an_account_is_the_sum_of_its_parts(settled: Totals, recent: Totals, pending: Totals) -> None:
    account = _account()
    account.settled, account.recent, account.pending = settled, recent, pending
    assert account.totals - settled - recent == pending
    assert account.spent_usd == account.totals.cost_usd
    assert account.is_spent == (account.spent_usd >= account.limit_usd)


def test_a_new_month_begins_with_nothing() -> None:
    account = _account("0.01")
    account.settled = account.pending = Totals(1, 10, 8, Decimal("0.02"), Decimal("0.01"))
    account.alert = "exceeded"
    october = datetime(2025, 10, 1)  # noqa: DTZ001
    account.turn_month(october)
    assert [account.totals, account.is_spent, account.alert] == [NOTHING, False, None]
    assert account.settled_until == account.month == october


def test_a_month_starts_at_its_first_instant_in_utc() -> None:
    assert month_start(datetime(2025, 9, 30, 23, 59, 59, 999999)) == MONTH  # noqa: DTZ001
    assert utc_now().tzinfo is None
