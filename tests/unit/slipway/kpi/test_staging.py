"""Names of staging tables, and putting them into statements."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from slipway.kpi.staging import bind_identifiers, run_suffix, staging_table


@given(run_id=st.text(min_size=1, max_size=250), attempt=st.integers(1, 99))
def test_any_run_id_gives_a_plain_table_name(run_id: str, attempt: int) -> None:
    name = staging_table("usage_fact", run_id, attempt)
    assert re.fullmatch(r"stg_usage_fact__[A-Za-z0-9_]+__try\d+", name)
    assert len(name) < 150
    assert run_suffix(run_id) in name


def test_runs_and_tries_do_not_share_a_table() -> None:
    runs = ("manual__a+b", "manual__a:b", "x" * 300, "x" * 301)
    names = {staging_table("usage_fact", run, attempt) for run in runs for attempt in (1, 2)}
    assert len(names) == 8


def test_tables_are_quoted_and_values_left_for_the_server() -> None:
    sql = "ALTER TABLE {table:Identifier} REPLACE PARTITION {day:Date} FROM {staging:Identifier}"
    bound = bind_identifiers(sql, {"table": "kpi_daily", "staging": "stg_1", "other": "x"})
    assert bound == "ALTER TABLE `kpi_daily` REPLACE PARTITION {day:Date} FROM `stg_1`"


@pytest.mark.parametrize("name", ["a`b", "a b", "a;b", "", "kpi.daily", "ü"])
def test_a_name_that_is_not_plain_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="plain table name"):
        bind_identifiers("{t:Identifier}", {"t": name})


def test_a_table_that_is_not_given_is_an_error() -> None:
    with pytest.raises(KeyError, match="usage_fact"):
        bind_identifiers("{usage_fact:Identifier}", {})
