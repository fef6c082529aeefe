"""Where the Data Docs are, and which database a subject is in."""

from __future__ import annotations

from pathlib import Path

import pytest
from slipway.kpi.quality import DATA_DOCS_VARIABLE, Subject, data_docs, expectations


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
