"""What differs is named, and nothing is published."""

from __future__ import annotations

import inspect
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from slipway.kpi.errors import QualityCheckFailed, ReconciliationFailed
from slipway.kpi.quality import CheckResult
from slipway.operators.kpi import checks
from slipway.operators.kpi.checks import QualityOperator, ReconcileDayOperator

from tests.unit.slipway.kpi.clients import FakeClient, use

DAY = "2026-01-31"
SAME = [
    ("fact rows", Decimal(3), Decimal(3)),
    ("event rows", Decimal(2), Decimal(2)),
    ("fact cost", Decimal("1.5"), Decimal("1.5")),
]
STAGED = (
    "usage_control",
    "event_extract",
    "usage_user_day",
    "kpi_daily",
    "event_fact",
    "source_fingerprint",
    "usage_fact",
)


def reconcile(rows: list[tuple[str, Decimal, Decimal]], monkeypatch: pytest.MonkeyPatch) -> Any:
    use(FakeClient({"trailers": rows}), "slipway.operators.kpi.checks", monkeypatch)
    operator = ReconcileDayOperator(
        task_id="r", product="token-optimization", inputs={"all": dict.fromkeys(STAGED, "stg")}, day=DAY
    )
    return inspect.unwrap(ReconcileDayOperator.execute)(operator, {})


def test_a_day_that_is_the_sources_says_what_to_expect(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = reconcile(SAME, monkeypatch)
    assert (expected["usage_fact"], expected["event_fact"], expected["kpi_daily"]) == (3, 2, 1)


def test_every_difference_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ReconciliationFailed, match="kpi cost: expected 5, found 4; other days: expected 0"):
        reconcile(
            [*SAME, ("kpi cost", Decimal(5), Decimal(4)), ("other days", Decimal(0), Decimal(1))], monkeypatch
        )


def quality(broken: list[str], monkeypatch: pytest.MonkeyPatch) -> tuple[Any, list[str]]:
    asked: list[str] = []

    def check(subjects: Any, docs: Path) -> list[CheckResult]:
        asked.extend(subject.sql for subject in subjects)
        return [CheckResult(subject.name, 4, broken) for subject in subjects]

    monkeypatch.setattr(checks, "check", check)
    monkeypatch.setattr(checks, "warehouse_uri", lambda _: "clickhouse://x")
    operator = QualityOperator(
        task_id="q",
        product="token-optimization",
        subjects=["staged_day"],
        database="warehouse",
        inputs={"all": {"staged_day": "stg_1"}},
        day=DAY,
    )
    return inspect.unwrap(QualityOperator.execute)(operator, {}), asked


def test_expectations_are_asked_of_the_staged_table(monkeypatch: pytest.MonkeyPatch) -> None:
    met, (sql,) = quality([], monkeypatch)
    assert met == {"staged_day": 4}
    assert 'SELECT * FROM "stg_1"' in sql


def test_what_is_not_met_publishes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(QualityCheckFailed, match="because staged_day: one; staged_day: two"):
        quality(["one", "two"], monkeypatch)
