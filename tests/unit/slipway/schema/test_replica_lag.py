"""A replica's lag, from where it and its primary are."""

from __future__ import annotations

from slipway.schema.replica_lag import ReplicaLag


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
