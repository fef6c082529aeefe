"""A backfill's batches find the size that takes the time they should."""

from __future__ import annotations

import pytest
from slipway.schema.backfill_pace import BatchSize


@pytest.mark.parametrize("rows_per_second", [300, 5_000, 40_000])
def test_it_finds_the_size_that_takes_the_wanted_time(rows_per_second: int) -> None:
    size = BatchSize(most=20_000, seconds=0.2)
    for _ in range(10):
        size.took(size.rows / rows_per_second)
    assert size.rows == pytest.approx(0.2 * rows_per_second, rel=0.02)


def test_it_begins_small_and_never_exceeds_the_most() -> None:
    size = BatchSize(most=2_000, seconds=0.2)
    seen = []
    for _ in range(4):
        seen.append(size.rows)
        size.took(0.001)
    assert seen == [500, 1000, 2000, 2000]
    assert BatchSize(most=100, seconds=0.2).rows == 100


def test_a_slow_batch_and_one_that_failed_halve_it_down_to_one_row() -> None:
    size = BatchSize(most=20_000, seconds=0.2)
    size.took(60)
    assert size.rows == 250
    size.failed()
    assert size.rows == 125
    for _ in range(10):
        size.failed()
    assert size.rows == 1
    size.took(0)
    assert size.rows == 2
