"""A ClickHouse client that runs nothing and keeps what it was asked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest
from slipway.kpi.warehouse import Warehouse


class FakeClient:
    """Answers every query with the rows of the first key that its text contains.

    :param answers: part of a query's text to its rows.
    :param written: rows that every command reports.
    """

    def __init__(self, answers: Mapping[str, Sequence[Any]] | None = None, written: int = 0) -> None:
        self.answers = answers or {}
        self.written = written
        self.commands: list[str] = []
        self.parameters: list[Mapping[str, Any]] = []
        self.settings: list[Mapping[str, Any]] = []
        self.inserted: list[tuple[str, Sequence[Sequence[Any]]]] = []

    def insert(self, table: str, data: Sequence[Sequence[Any]], column_names: Sequence[str]) -> None:
        assert all(len(row) == len(column_names) for row in data)
        self.inserted.append((table, data))

    def command(
        self, cmd: str, parameters: Mapping[str, Any] | None = None, settings: Mapping[str, Any] | None = None
    ) -> Any:
        self.commands.append(cmd)
        self.parameters.append(parameters or {})
        self.settings.append(settings or {})
        return SimpleNamespace(summary={"written_rows": str(self.written)})

    def query(self, query: str, parameters: Mapping[str, Any] | None = None) -> Any:
        self.parameters.append(parameters or {})
        rows = next((rows for part, rows in self.answers.items() if part in query), ())
        return SimpleNamespace(result_rows=rows)


def use(client: FakeClient, module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the operators of a module work on this client."""

    @contextmanager
    def opened(_: str) -> Iterator[Warehouse]:
        yield Warehouse(client)

    monkeypatch.setattr(f"{module}.open_warehouse", opened)
