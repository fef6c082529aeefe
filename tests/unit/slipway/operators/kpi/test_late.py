"""Days whose source changed are found, and each is rolled up again once."""

from __future__ import annotations

import inspect
from datetime import date

import pytest
from airflow.sdk.exceptions import DagRunTriggerException
from slipway.operators.kpi.late import FindDifferingDaysOperator, RollUpAgainOperator

from tests.unit.slipway.kpi.clients import FakeClient, use


def test_the_days_that_differ_are_returned(monkeypatch: pytest.MonkeyPatch) -> None:
    client = FakeClient({"source_fingerprint": [(date(2026, 1, 30), "usage changed")]})
    use(client, "slipway.operators.kpi.late", monkeypatch)
    operator = FindDifferingDaysOperator(task_id="find")
    assert inspect.unwrap(FindDifferingDaysOperator.execute)(operator, {}) == ["2026-01-30"]
    assert client.parameters[0]["window_days"] >= 1


def test_a_task_that_runs_again_asks_for_the_same_run() -> None:
    operator = RollUpAgainOperator(task_id="again", rollup_dag_id="kpi_rollup", day="2026-01-30")
    asked = []
    for _ in range(2):
        with pytest.raises(DagRunTriggerException) as raised:
            inspect.unwrap(RollUpAgainOperator.execute)(operator, {"run_id": "scheduled__x"})
        asked.append((raised.value.trigger_dag_id, raised.value.dag_run_id, raised.value.conf))
    assert asked[0] == asked[1] == ("kpi_rollup", "late__2026-01-30__scheduled__x", {"day": "2026-01-30"})
