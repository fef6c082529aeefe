"""What a backward file drops is named, however it is written."""

from __future__ import annotations

import pytest
from slipway.schema.losses import Dropped, dropped
from slipway.sql import SQL_DIRECTORY


@pytest.mark.parametrize(
    ("sql", "found"),
    [
        ("DROP TABLE a;", ["table a"]),
        ('drop table if exists A, public.b cascade; DROP TABLE "C"', ["table a", "table b", "table C"]),
        (
            "ALTER TABLE ONLY t DROP COLUMN IF EXISTS x, DROP y, DROP CONSTRAINT c, ALTER z DROP NOT NULL;",
            ["column x of t", "column y of t"],
        ),
        ("DROP VIEW v; DROP INDEX CONCURRENTLY IF EXISTS i;", []),
        ("-- DROP TABLE a;\n/* DROP TABLE b; */ SELECT 1", []),
        ("DROP TABLE a; DROP TABLE a;", ["table a"]),
    ],
)
def test_tables_and_columns_are_named_and_what_holds_no_data_is_not(sql: str, found: list[str]) -> None:
    assert [str(one) for one in dropped(sql)] == found


def test_the_products_backward_files_are_read() -> None:
    text = (SQL_DIRECTORY / "postgres/migrations/0002_token_usage_savings.rollback.sql").read_text()
    assert Dropped("token_usage_tracking", "revision") in dropped(text)
    assert len(dropped(text)) == 5
