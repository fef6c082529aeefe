"""A stage fills a table of this try's own for each of its tables."""

from __future__ import annotations

import inspect
from types import SimpleNamespace

import pytest
from slipway.operators.kpi.stage import StageOperator

from tests.unit.slipway.kpi.clients import FakeClient, use

CONTEXT = {"run_id": "manual__1", "ti": SimpleNamespace(try_number=2)}


def test_a_table_is_filled_by_the_statement_of_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    client = FakeClient(written=5)
    use(client, "slipway.operators.kpi.stage", monkeypatch)
    inputs = {"extract": {"release_extract": "stg_before"}}
    stage = StageOperator(
        task_id="s", product="token-optimization", tables=["release_phase"], inputs=inputs, day="2026-01-31"
    )
    made = inspect.unwrap(StageOperator.execute)(stage, CONTEXT)
    (staging,) = made.values()
    assert list(made) == ["release_phase"]
    assert staging.startswith("stg_release_phase__manual_1_")
    create, own, stop, fill = client.commands
    assert create.strip() == f'CREATE TABLE "{staging}" AS "release_phase"'
    assert f'ALTER TABLE "{staging}" MODIFY COLUMN IF EXISTS product DEFAULT {{product:String}}' in own
    assert client.parameters[1] == {"product": "token-optimization"}
    assert f'SYSTEM STOP MERGES "{staging}"' in stop
    assert f'INSERT INTO "{staging}" (* EXCEPT product)' in fill
    assert 'FROM "stg_before"' in fill


def test_no_two_executions_of_a_try_write_the_same_table(monkeypatch: pytest.MonkeyPatch) -> None:
    use(FakeClient(), "slipway.operators.kpi.stage", monkeypatch)
    stage = StageOperator(
        task_id="s", product="token-optimization", tables={"usage_fact": []}, day="2026-01-31"
    )
    first, second = (inspect.unwrap(StageOperator.execute)(stage, CONTEXT) for _ in range(2))
    assert first["usage_fact"] != second["usage_fact"]
