"""A counter's increments are right whatever its readings do, or the counter says that it is none."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from slipway.analysis.counter_series import CounterSeries, is_possible

SECONDS = 15


def since_start(*values: float) -> tuple[list[float], bool]:
    """The events of each interval, and whether the series is no counter in the end."""
    series = CounterSeries(values[0], at=0)
    events = [series.since(value, at=SECONDS * number) for number, value in enumerate(values[1:], start=1)]
    return events, series.is_no_counter


def test_a_counter_that_falls_a_little_is_not_counted_again() -> None:
    assert since_start(36000, 36075, 36074, 36150, 36225) == ([75, 0, 75, 75], False)


def test_two_collectors_that_answer_in_turns_are_one_counter() -> None:
    values = [36000 + 75 * check - (100 if check % 2 else 0) for check in range(40)]
    events, is_none = since_start(*values)
    assert sum(events) == pytest.approx(values[-2] - values[0], abs=75)
    assert not is_none


def test_a_restart_counts_what_was_served_since() -> None:
    assert since_start(36000, 36075, 36150, 5, 80, 155) == ([75, 75, 5, 75, 75], False)


def test_a_restart_in_a_long_gap_counts_what_is_possible_in_it() -> None:
    series = CounterSeries(36000, at=0)
    assert series.since(36075, at=15) == 75
    assert series.since(3000, at=15 + 600) == 3000


def test_a_restart_at_an_unknown_pace_counts_when_the_next_reading_confirms_it() -> None:
    assert since_start(36000, 36000, 36000, 400, 2000, 4000)[0] == [0, 0, 0, 2000, 2000]


def test_an_instance_that_restarts_all_the_time_is_still_a_counter() -> None:
    events, is_none = since_start(*[value for _ in range(10) for value in (5, 75)])
    assert not is_none
    assert sum(events) == 10 * 70 + 9 * 5


@pytest.mark.parametrize("other", [30000, 12000, 500], ids=["close", "apart", "fresh"])
@pytest.mark.parametrize("turns", [1, 2, 5], ids=["in turns", "two each", "five each"])
def test_a_counter_that_falls_again_and_again_is_none(other: int, turns: int) -> None:
    values = [(36000 if (check // turns) % 2 == 0 else other) + 75 * check for check in range(40)]
    events, is_none = since_start(*values)
    assert is_none
    assert sum(events) <= 2 * 75 * 40, "no more than both served"
    assert since_start(*values[turns:])[1], "whichever of them answers first"


def test_a_counter_that_fell_and_stays_there_goes_on_from_there() -> None:
    values = [36000 + 75 * check for check in range(5)] + [30000 + 75 * check for check in range(12)]
    events, is_none = since_start(*values)
    assert events[-8:] == [75] * 8
    assert not is_none


def test_a_dip_and_then_a_restart_counts_both_as_they_are() -> None:
    assert since_start(36000, 36075, 36074, 20, 95)[0] == [75, 0, 20, 75]


def test_what_is_possible_follows_from_the_pace() -> None:
    assert is_possible(300, 15, 5)
    assert not is_possible(36_000, 15, 5)
    assert is_possible(5, 15, 0)


def test_a_restart_that_rose_over_its_old_value_may_dip() -> None:
    assert since_start(30, 70, 5, 75, 74, 150)[0] == [40, 5, 70, 0, 75]


@settings(max_examples=300, deadline=None, derandomize=True)
@given(values=st.lists(st.one_of(st.integers(0, 200), st.integers(0, 10**6)), min_size=1, max_size=40))
def test_no_readings_at_all_make_events_of_nothing(values: list[int]) -> None:
    events, _ = since_start(*values)
    assert all(0 <= count <= 2 * max(values) for count in events)
