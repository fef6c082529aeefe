"""Names of staging tables."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st
from slipway.kpi.staging import run_suffix, staging_table


@given(run_id=st.text(min_size=1, max_size=250), attempt=st.integers(1, 99))
def test_any_run_id_gives_a_plain_table_name(run_id: str, attempt: int) -> None:
    name = staging_table("usage_fact", "rates", run_id, attempt)
    assert re.fullmatch(r"stg_usage_fact__[A-Za-z0-9_]+__try\d+", name)
    assert len(name) < 150
    assert run_suffix("rates", run_id) in name


def test_runs_and_tries_do_not_share_a_table() -> None:
    runs = ("manual__a+b", "manual__a:b", "x" * 300, "x" * 301)
    names = {staging_table("usage_fact", "rates", run, attempt) for run in runs for attempt in (1, 2)}
    assert len(names) == 8


def test_products_do_not_share_a_table_although_their_nightly_runs_have_the_same_id() -> None:
    run = "scheduled__2026-01-31"
    assert staging_table("usage_fact", "a", run, 1) != staging_table("usage_fact", "b", run, 1)
    assert run_suffix("a", run) not in staging_table("usage_fact", "b", run, 1)
