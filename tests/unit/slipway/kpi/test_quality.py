"""Where the Data Docs are, and which database a subject is in."""

from __future__ import annotations

from pathlib import Path

import pytest
from slipway.kpi.quality import DATA_DOCS_VARIABLE, EXPECTATIONS, Subject, data_docs, describe, expectations
from slipway.sql import SQL_DIRECTORY


def test_the_data_docs_are_where_the_environment_says_or_in_airflows_home(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AIRFLOW_HOME", "/srv/airflow")
    monkeypatch.delenv(DATA_DOCS_VARIABLE, raising=False)
    assert data_docs() == Path("/srv/airflow/data_docs")
    monkeypatch.setenv(DATA_DOCS_VARIABLE, "/srv/docs")
    assert data_docs() == Path("/srv/docs")


@pytest.mark.parametrize(("uri", "is_postgres"), [("postgresql://u@h/d", True), ("clickhouse://h/d", False)])
def test_a_database_is_known_by_its_uri(uri: str, is_postgres: bool) -> None:
    assert Subject("kpi_daily", "SELECT 1", uri).is_postgres is is_postgres


def test_expectations_that_are_not_there_are_an_error() -> None:
    with pytest.raises(FileNotFoundError, match="none"):
        expectations("none")


def test_rows_that_are_counted_are_named_by_table_and_column() -> None:
    meta = {"rows_with": "users.plan longer than 255 characters"}
    result = {"expectation_config": {"type": "x", "meta": meta}, "result": {"observed_value": 3}}
    assert describe(result) == "users.plan longer than 255 characters: 3 rows"


@pytest.mark.parametrize("name", sorted(path.stem for path in EXPECTATIONS.glob("source_[eru]*.yaml")))
def test_an_expectation_of_the_source_looks_at_a_figure_of_its_query(name: str) -> None:
    query = (SQL_DIRECTORY / "quality" / f"{name}.sql").read_text()
    figures = [expectation["kwargs"]["column"] for expectation in expectations(name)]
    assert [figure for figure in figures if f"AS {figure}" not in query] == []
    assert len(figures) == len(set(figures))
