"""A backfill's batches find the size that takes the time they should."""

from __future__ import annotations

import pytest
from slipway.schema.backfill_pace import BatchSize, ReplicaLag


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


def test_a_replica_that_keeps_up_has_no_lag() -> None:
    lag = ReplicaLag()
    assert [lag.seconds(now, written=100 * now, replayed=100 * now) for now in range(5)] == [0.0] * 5


def test_one_that_is_steadily_behind_has_the_time_since_what_it_lacks_was_first_seen() -> None:
    lag = ReplicaLag()
    seen = [lag.seconds(now, written=100 * now, replayed=100 * (now - 2)) for now in range(1, 6)]
    assert seen == [0, 1, 1, 1, 1]


def test_one_that_is_stuck_falls_behind_although_nothing_more_is_written_and_catches_up_at_once() -> None:
    lag = ReplicaLag()
    assert lag.seconds(0, written=100, replayed=100) == 0
    assert lag.seconds(1, written=200, replayed=100) == 0
    assert lag.seconds(4, written=300, replayed=100) == 3
    assert lag.seconds(9, written=300, replayed=100) == 8
    assert lag.seconds(10, written=300, replayed=200) == 6, "behind what was written at 4"
    assert lag.seconds(11, written=300, replayed=300) == 0
