"""Statements as they are made from their templates."""

from __future__ import annotations

from datetime import date

import pytest
from jinja2 import UndefinedError
from slipway.sql import SQL_DIRECTORY, render, statement, without_head

DAILY = sorted((SQL_DIRECTORY / "kpi" / "daily").glob("*.sql"))
TABLES = dict.fromkeys(
    ("kpi_daily", "usage_totals", "event_totals", "person_extract", "subscriber_day"), "stg_1"
)


def test_the_queries_of_a_folder_are_put_together() -> None:
    text = statement("kpi/stage/kpi_daily", TABLES)
    assert text.count("\nUNION ALL\n") >= len(DAILY) - 1
    for path in DAILY:
        assert without_head(render(path.read_text(), TABLES)).strip() in text


def test_a_folder_without_queries_is_an_error() -> None:
    with pytest.raises(FileNotFoundError, match="no such"):
        render("{{ union_all('kpi/no such') }}")


def test_only_the_head_goes() -> None:
    assert without_head("-- a\n\n-- b\nSELECT 1 -- c\n-- d\n") == "SELECT 1 -- c\n-- d"


def test_names_are_quoted_and_values_left_for_the_server() -> None:
    sql = "ALTER TABLE {{ table }} REPLACE PARTITION {day:Date} FROM {{ staging }} WHERE %(x)s"
    assert render(sql, {"table": "kpi_daily", "staging": 'odd "name"', "other": "x"}) == (
        'ALTER TABLE "kpi_daily" REPLACE PARTITION {day:Date} FROM "odd ""name""" WHERE %(x)s'
    )


@pytest.mark.parametrize("name", ["", "a\\", "a\0b"])
def test_what_cannot_be_a_name_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="cannot be the name of a table or column"):
        render("{{ t }}", {"t": name})


def test_a_name_that_is_not_there_is_an_error() -> None:
    with pytest.raises(UndefinedError, match="usage_fact"):
        render("{{ usage_fact }}", {})


def test_a_date_becomes_a_literal() -> None:
    assert render("timestamp {{ day }}", {"day": date(2025, 12, 31)}) == "timestamp '2025-12-31'"


def test_a_value_of_clickhouse_gets_into_a_query_for_postgresql() -> None:
    sql = """concat($sql$ day < '{{ value("{day:Date} + 1") }}' $sql$)"""
    assert render(sql) == "concat($sql$ day < '$sql$, toString({day:Date} + 1), $sql$' $sql$)"
