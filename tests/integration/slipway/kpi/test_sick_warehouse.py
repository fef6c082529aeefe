"""A ClickHouse in a bad state: a day is published all the same, since no insert goes to published tables."""

from __future__ import annotations

from datetime import date

import psycopg
import pytest
from clickhouse_connect.driver.exceptions import DatabaseError

from tests.integration.slipway.kpi.rollup import Rollup
from tests.integration.slipway.kpi.test_products import TEXT, WITHOUT_QUALITY, write_requests

pytestmark = pytest.mark.sandbox
PUBLISHED = ("usage_fact", "usage_user_day", "kpi_daily", "source_fingerprint")
BEFORE = "2026-03-30"


def published(rollup: Rollup) -> object:
    """The day's number of requests as readers get it."""
    return rollup.values(date.fromisoformat(TEXT))["requests", "all"]


def test_a_mutation_that_never_ends_does_not_keep_a_day_from_readers(
    blank_source: psycopg.Connection, rollup: Rollup
) -> None:
    write_requests(blank_source, 3)
    for day in (BEFORE, TEXT):
        rollup.run(day, skip=WITHOUT_QUALITY)
    rollup.command(
        "ALTER TABLE kpi.kpi_daily DELETE WHERE throwIf(product != '') SETTINGS mutations_sync = 0"
    )
    write_requests(blank_source, 2)
    rollup.run(TEXT, skip=WITHOUT_QUALITY, attempt=2)
    stuck = "SELECT count() FROM system.mutations WHERE database = 'kpi' AND NOT is_done"
    assert rollup.query(stuck) == [(1,)]
    assert published(rollup) == 5


def test_tables_with_too_many_parts_take_a_day_although_they_refuse_inserts(
    blank_source: psycopg.Connection, rollup: Rollup
) -> None:
    write_requests(blank_source, 3)
    for day in (BEFORE, "2026-03-29"):
        rollup.run(day, skip=WITHOUT_QUALITY)
    for table in PUBLISHED:
        rollup.command(f"ALTER TABLE kpi.{table} MODIFY SETTING max_parts_in_total = 1")
    with pytest.raises(DatabaseError, match="Too many parts"):
        rollup.command("INSERT INTO kpi.kpi_daily (product, as_of) VALUES ('x', '2026-01-01')")
    rollup.run(TEXT, skip=WITHOUT_QUALITY)
    assert published(rollup) == 3
