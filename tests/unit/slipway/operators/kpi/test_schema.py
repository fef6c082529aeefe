"""The source's schema is compared, and staging tables are dropped."""

from __future__ import annotations

import inspect

import pytest
from slipway.kpi.errors import SourceDrift
from slipway.kpi.source_schema import expected_schema
from slipway.operators.kpi.schema import CheckSourceSchemaOperator, DropStagingOperator

from tests.unit.slipway.kpi.clients import FakeClient, use

MODULE = "slipway.operators.kpi.schema"
COLUMNS = [
    (table, column, kind) for table, columns in expected_schema().items() for column, kind in columns.items()
]


def check(
    rows: list[tuple[str, str, str]],
    monkeypatch: pytest.MonkeyPatch,
    hidden: list[tuple[str, str, str]] | None = None,
) -> list[str]:
    use(FakeClient({"pg_attribute": rows, "pg_policy": hidden or []}), MODULE, monkeypatch)
    operator = CheckSourceSchemaOperator(task_id="schema", product="token-optimization")
    found: list[str] = inspect.unwrap(CheckSourceSchemaOperator.execute)(operator, {})
    return found


def test_a_further_column_is_only_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    assert check([*COLUMNS, (COLUMNS[0][0], "more", "text")], monkeypatch) == [f"{COLUMNS[0][0]}.more"]


def test_a_column_that_is_gone_is_refused_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SourceDrift, match=rf"{COLUMNS[0][1]} \(.*is gone.*run the release DAG first"):
        check(COLUMNS[1:], monkeypatch)


def test_a_table_with_hidden_rows_is_refused_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    refused = "hides rows of users from reader: .*ALTER ROLE ... BYPASSRLS, or CREATE POLICY"
    with pytest.raises(SourceDrift, match=refused):
        check(COLUMNS, monkeypatch, hidden=[("users", "reader", "users")])
    assert check(COLUMNS, monkeypatch, hidden=[("invoices", "reader", "invoices")]) == []


def test_the_tables_of_the_run_are_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    client = FakeClient({"system.tables": [("stg_a",), ("stg_b",)]})
    use(client, MODULE, monkeypatch)
    operator = DropStagingOperator(task_id="drop", product="token-optimization")
    assert inspect.unwrap(DropStagingOperator.execute)(operator, {"run_id": "manual__1"}) == 2
    assert [command.strip() for command in client.commands] == [
        'DROP TABLE IF EXISTS "stg_a" SYNC',
        'DROP TABLE IF EXISTS "stg_b" SYNC',
    ]
