"""Statements as they are read from their files."""

from __future__ import annotations

import pytest
from slipway.sql import SQL_DIRECTORY, queries, statement, without_head


def test_a_folder_of_queries_stands_in_its_statement() -> None:
    text = statement("kpi/stage/kpi_daily")
    files = list((SQL_DIRECTORY / "kpi" / "daily").glob("*.sql"))
    assert "-- queries:" not in text
    assert text.count("\nUNION ALL\n") >= len(files) - 1
    assert all(query in text for query in queries("kpi/daily"))


def test_a_folder_without_queries_is_an_error() -> None:
    with pytest.raises(FileNotFoundError, match="no such"):
        queries("kpi/no such")


def test_only_the_head_goes() -> None:
    assert without_head("-- a\n\n-- b\nSELECT 1 -- c\n-- d\n") == "SELECT 1 -- c\n-- d"
