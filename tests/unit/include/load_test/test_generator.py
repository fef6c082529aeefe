"""What the load generator did itself."""

from __future__ import annotations

from array import array

from hypothesis import given
from hypothesis import strategies as st

from include.load_test.generator import GeneratorWatch, percentile


def test_users_load_and_lateness_are_what_the_heartbeat_saw() -> None:
    now = 0.0
    watch = GeneratorWatch(2, clock=lambda: now, cpu=lambda: now / 4)
    watch.requests.update({1: 5, 2: 3})
    for users, late in ((1, 0.0), (2, 0.0), (2, 0.2), (0, 0.0)):
        now += 1.0
        watch.beat(users, late)
    assert watch.report() == {
        "peak_users": 2,
        "full_load_seconds": 2.0,
        "least_requests_of_a_user": 3,
        "cpu_percent": 25.0,
        "lateness_p95_ms": 200.0,
    }


def test_a_user_without_a_request_is_counted() -> None:
    watch = GeneratorWatch(2)
    watch.requests.update({1: 5, 2: 0})
    assert watch.report()["least_requests_of_a_user"] == 0


@given(st.lists(st.integers(0, 10**6), min_size=1), st.integers(1, 100))
def test_a_percentile_is_the_nearest_rank(values: list[int], percent: int) -> None:
    found = percentile(array("d", values), percent)
    assert found in values
    assert sum(value <= found for value in values) * 100 >= percent * len(values)
    assert sum(value < found for value in values) * 100 < percent * len(values)
