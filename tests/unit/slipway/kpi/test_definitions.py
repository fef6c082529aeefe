"""Every statement of the rollup states its definition, and what is checked is what there is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from slipway.kpi.quality import describe, expectations
from slipway.sql import SQL_DIRECTORY, without_head

DAILY = sorted((SQL_DIRECTORY / "kpi" / "daily").glob("*.sql"))
WINDOWED = sorted((SQL_DIRECTORY / "kpi" / "windowed").glob("*.sql"))
STAGE = sorted((SQL_DIRECTORY / "kpi" / "stage").glob("*.sql"))
ARRIVAL = sorted((SQL_DIRECTORY / "kpi" / "arrival").glob("*.sql"))
PUBLISHED = (
    "bad_revision",
    "event_fact",
    "kpi_daily",
    "release_phase",
    "source_fingerprint",
    "subscriber_day",
    "usage_user_day",
)
SOURCE = sorted((SQL_DIRECTORY / "kpi" / "source").glob("*.sql"))


@pytest.mark.parametrize("path", DAILY + WINDOWED, ids=lambda path: path.stem)
def test_a_kpi_states_formula_grain_unit_source_and_edge_cases(path: Path) -> None:
    text = path.read_text()
    for word in ("kpi:", "Formula:", "Grain:", "Unit:", "Over days:", "Source:", "Edge cases:"):
        assert f"-- {word}" in text, word
    name = re.search(r"-- kpi: (\w+)", text)
    assert name is not None
    assert re.search(rf"(as_of|{{day:Date}}|AS as_of), (toLowCardinality\()?'{name.group(1)}'", text)
    assert "Float" not in without_head(text)


@pytest.mark.parametrize("path", ARRIVAL, ids=lambda path: path.stem)
def test_a_view_on_the_way_states_its_grain_and_source(path: Path) -> None:
    text = path.read_text()
    assert "-- Grain:" in text
    assert "-- Source:" in text
    head = f"CREATE MATERIALIZED VIEW {{{{ {path.stem}_view }}}} TO {{{{ {path.stem} }}}} AS"
    assert text.count(head) == 1


@pytest.mark.parametrize("path", SOURCE, ids=lambda path: path.stem)
def test_a_table_in_the_source_states_its_grain_and_names_no_password(path: Path) -> None:
    text = path.read_text()
    assert "-- Grain:" in text
    assert text.count(f"CREATE TABLE {{{{ {path.stem}_source }}}}") == 1
    assert "ENGINE = PostgreSQL({{ collection }}, query =" in text


@pytest.mark.parametrize("path", STAGE, ids=lambda path: path.stem)
def test_a_stage_states_its_grain_and_source(path: Path) -> None:
    text = path.read_text()
    assert "-- Grain:" in text
    assert "-- Source:" in text
    assert text.count(f"INSERT INTO {{{{ {path.stem} }}}}") == 1
    # The column product is the staging table's own business.
    into = text.partition(f"INSERT INTO {{{{ {path.stem} }}}}")[2].lstrip()
    assert path.stem not in PUBLISHED or into.startswith(("(* EXCEPT product)", "(\n    day,"))


def test_the_quality_check_knows_every_kpi_and_no_other() -> None:
    defined = {re.findall(r"-- kpi: (\w+)", path.read_text())[0] for path in DAILY}
    known = [
        item["kwargs"]["value_set"] for item in expectations("kpi_daily") if "value_set" in item["kwargs"]
    ]
    assert set(known[0]) == defined


def test_a_broken_expectation_is_described_by_counts_alone() -> None:
    result = {
        "expectation_config": {
            "type": "expect_x",
            "kwargs": {"column": "c", "batch_id": "b", "max_value": 3},
        },
        "result": {"element_count": 10, "unexpected_count": 2, "partial_unexpected_list": ["secret"]},
        "exception_info": {"raised_exception": False},
    }
    assert describe(result) == "expect_x(column=c, max_value=3): 2 of 10 rows"
    observed = {**result, "result": {"observed_value": 7}}
    assert describe(observed) == "expect_x(column=c, max_value=3): found 7"
    failed = {"metric": {"raised_exception": True, "exception_message": "no such column\ndetails"}}
    assert describe({**result, "exception_info": failed}).endswith("could not be checked: no such column")
