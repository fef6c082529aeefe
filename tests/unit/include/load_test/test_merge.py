"""What several generators measured is one load's report: exact, and honest about who was not there."""

from __future__ import annotations

import json
from typing import Any

import pytest

from include.load_test.generator import GeneratorWatch
from include.load_test.measurements import Measurements
from include.load_test.memory import MemorySeries
from include.load_test.merge import merge

USERS, SECONDS = 2, 60.0
METRICS = "process_resident_memory_bytes {}\nprocess_start_time_seconds 7\n"


class Clock:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Generator:
    """A generator whose clocks stand where the test puts them."""

    def __init__(self, began_at: float = 1000.0) -> None:
        self.began_at, self.clock = began_at, Clock()
        self.measured = Measurements(SECONDS, self.clock)
        self.watch = GeneratorWatch(USERS, clock=self.clock, cpu=lambda: self.clock.now / 2)
        resident = iter(range(1, 1000))
        self.memory = MemorySeries(lambda: METRICS.format(next(resident)), SECONDS, self.clock)

    def work(self, seconds: float) -> None:
        """Let both users work for so long."""
        for _ in range(int(seconds)):
            self.clock.now += 1
            self.watch.requests.update({1: 1, 2: 1})
            self.watch.beat(USERS, 0.001)
            self.measured.on_users(USERS)

    def request(self, latency_ms: float, exception: object = None) -> None:
        """Take note of a request of its own."""
        self.measured.on_request("POST", "/v1/optimize", latency_ms, exception, {})

    def share(self) -> Any:
        """What it leaves, as it is read back."""
        share = {
            "began_at": self.began_at,
            "measurements": self.measured.share(),
            "memory": self.memory.share(),
            "generator": self.watch.share(),
        }
        return json.loads(json.dumps(share))


def merged(*generators: Generator, lost: int = 0) -> dict[str, Any]:
    """The report of generators, of which the last ones left nothing."""
    shares = {number: generator.share() for number, generator in enumerate(generators)}
    planned = len(generators) + lost
    return merge(shares, users=planned * USERS, seconds=SECONDS, generators=planned)


def measure(number: int, measured: Measurements) -> None:
    """Give the number-th thing that happened to what measures it."""
    failure = RuntimeError("500") if number % 50 == 0 else None
    measured.on_request("POST", f"/v1/{number % 3}", number**2 / 7, failure, {"late_ms": number % 5})
    measured.on_request("WS", "connect", 3.0, None, {})
    measured.on_request("WS", "event", 0.0, None, {"latency_ms": number / 9, "emitted_after_seconds": 0.001})
    measured.on_answer(
        {"cost_original_usd": "0.03", "cost_usd": f"0.0{number % 3}", "tokens_original": 9, "tokens_used": 7},
        cost_accurate=number % 4 > 0,
    )
    measured.on_isolation(is_foreign=number == 17)
    measured.on_costs(is_wrong=number == 18)


def test_what_generators_measured_is_counted_as_if_one_had() -> None:
    alone, shared = Generator(), [Generator(), Generator(), Generator()]
    for number in range(1, 501):
        for one in (alone, shared[number % 3]):
            one.clock.now = number / 10
            measure(number, one.measured)
    for one in (alone, *shared):
        one.clock.now = SECONDS
    expected, found = alone.measured.report(6, {}, {}), merged(*shared)
    assert found.pop("generator")["generators"] == 3
    assert found | {"memory": {}, "generator": {}} == expected


def test_a_quantile_is_of_all_latencies_and_no_mean_of_quantiles() -> None:
    quick, slow = Generator(), Generator()
    for _ in range(94):
        quick.request(1.0)
    for _ in range(6):
        slow.request(100.0)
    assert merged(quick, slow)["latency_p95_ms"] == 100.0
    quick.request(1.0)
    for _ in range(19):
        quick.request(1.0)
    assert merged(quick, slow)["latency_p95_ms"] == 1.0


def test_each_generators_events_are_corrected_by_its_own_clock() -> None:
    generators = [Generator(), Generator()]
    for ahead, one in zip((0.0, 5.0), generators, strict=True):
        for true_ms in range(1, 101):
            context = {"latency_ms": true_ms - 1000 * ahead, "emitted_after_seconds": 0.001 + ahead}
            one.measured.on_request("WS", "event", 0.0, None, context)
    sockets = merged(*generators)["websocket"]
    assert sockets["latency_p95_ms"] == pytest.approx(95, abs=2)
    assert sockets["clock_difference_ms"] == pytest.approx(5000, abs=2)


def test_generators_at_work_together_have_all_users_for_the_time_they_overlap() -> None:
    first, second = Generator(1000.0), Generator(1010.0)
    for one in (first, second):
        one.work(SECONDS)
    found = merged(first, second)
    assert found["generator"] == {
        "peak_users": 4,
        "full_load_seconds": 50.0,
        "least_requests_of_a_user": 60,
        "cpu_percent": 50.0,
        "lateness_p95_ms": 1.0,
        "generators": 2,
        "lost": [],
    }
    assert found["duration_seconds"] == 70.0
    users = {interval["at_seconds"]: interval["users"] for interval in found["timeline"]}
    assert (users[5.0], users[30.0], users[65.0]) == (2, 4, 2)


def test_generators_one_after_another_never_made_the_load() -> None:
    first, second = Generator(1000.0), Generator(1000.0 + SECONDS + 1)
    for one in (first, second):
        one.work(SECONDS)
    seen = merged(first, second)["generator"]
    assert (seen["peak_users"], seen["full_load_seconds"]) == (2, 0.0)


def test_the_latest_and_the_busiest_generator_count_and_a_lost_one_is_named() -> None:
    first, second = Generator(), Generator()
    first.work(10)
    second.work(10)
    second.watch.beat(USERS, 0.5)
    second.watch.beat(USERS, 0.5)
    seen = merged(first, second, lost=1)["generator"]
    assert (seen["lateness_p95_ms"], seen["generators"], seen["lost"]) == (500.0, 3, [2])
    assert merged(lost=2)["generator"]["lost"] == [0, 1]


def test_readings_of_an_instance_are_one_series() -> None:
    first, second = Generator(1000.0), Generator(1000.5)
    for _ in range(3):
        for one in (first, second):
            one.clock.now += 1
            one.memory.take()
    (instance,) = merged(first, second)["memory"]["instances"]
    assert instance["at_seconds"] == [1.0, 1.5, 2.0, 2.5, 3.0, 3.5]
