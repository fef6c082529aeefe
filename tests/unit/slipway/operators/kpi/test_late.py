"""Days whose source changed are found, and each is rolled up again once."""

from __future__ import annotations

import inspect
from datetime import date, timedelta

import pytest
from airflow.sdk.exceptions import DagRunTriggerException
from slipway.operators.kpi.late import FindDifferingDaysOperator, RollUpAgainOperator

from tests.unit.slipway.kpi.clients import FakeClient, use


def test_the_days_that_differ_are_returned(monkeypatch: pytest.MonkeyPatch) -> None:
    client = FakeClient({"source_fingerprint": [(date(2026, 1, 30), "usage changed")]})
    use(client, "slipway.operators.kpi.late", monkeypatch)
    operator = FindDifferingDaysOperator(task_id="find", product="token-optimization")
    assert inspect.unwrap(FindDifferingDaysOperator.execute)(operator, {}) == ["2026-01-30"]
    assert client.parameters[0]["window_days"] >= 1
    assert client.parameters[0]["product"] == "token-optimization"


def test_of_more_days_than_a_mapping_holds_the_oldest_go_first_and_the_rest_is_announced(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__MAX_MAP_LENGTH", "1024")
    days = [date(2020, 1, 1) + timedelta(days=number) for number in range(1500)]
    client = FakeClient({"source_fingerprint": [(day, "names a forgotten user") for day in reversed(days)]})
    use(client, "slipway.operators.kpi.late", monkeypatch)
    operator = FindDifferingDaysOperator(task_id="find", product="token-optimization")
    found = inspect.unwrap(FindDifferingDaysOperator.execute)(operator, {})
    assert found == [day.isoformat() for day in days[:1024]]
    said = capsys.readouterr().out
    assert "1500 days differ, 1024 are rolled up now" in said
    assert "the other 476, from 2022-10-21 on, next time" in said


def test_a_task_that_runs_again_asks_for_the_same_run() -> None:
    operator = RollUpAgainOperator(task_id="again", rollup_dag_id="kpi_rollup", day="2026-01-30")
    asked = []
    for _ in range(2):
        with pytest.raises(DagRunTriggerException) as raised:
            inspect.unwrap(RollUpAgainOperator.execute)(operator, {"run_id": "scheduled__x"})
        asked.append((raised.value.trigger_dag_id, raised.value.dag_run_id, raised.value.conf))
    assert asked[0] == asked[1] == ("kpi_rollup", "late__2026-01-30__scheduled__x", {"day": "2026-01-30"})
