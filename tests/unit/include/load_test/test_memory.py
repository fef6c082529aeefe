"""The backend's memory is read until its bound, and compared within the same instances."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import httpx

from include.load_test.memory import BOUND_SECONDS, SAMPLES, compared, readings


class Clock:
    """A clock that sleeping moves.

    :param answers: what the backend answers in turn; an error is raised.
    """

    def __init__(self, answers: Iterator[str | Exception]) -> None:
        self._answers = answers
        self.now = 0.0

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds

    def read(self) -> str:
        """Answer, in 10 ms."""
        self.now += 0.01
        answer = next(self._answers)
        if isinstance(answer, Exception):
            raise answer
        return answer


def _metrics(started: float, resident: float) -> str:
    return f"process_start_time_seconds {started}\nprocess_resident_memory_bytes {resident}\n"


def _endless(answer: Callable[[], str | Exception]) -> Iterator[str | Exception]:
    while True:
        yield answer()


def _read(
    answers: Iterator[str | Exception], wanted: tuple[float, ...] = ()
) -> tuple[dict[float, int], Clock]:
    clock = Clock(answers)
    found = dict(readings(clock.read, wanted=wanted, clock=lambda: clock.now, sleep=clock.sleep))
    return found, clock


def test_each_instance_is_known_by_its_start() -> None:
    found, _ = _read(iter([_metrics(1.5, 100), _metrics(2.5, 300)] * SAMPLES))
    assert found == {1.5: 100, 2.5: 300}


def test_reads_that_fail_are_tried_again() -> None:
    trouble: list[str | Exception] = [
        httpx.ReadTimeout("busy"),
        "no healthy upstream",
        httpx.ReadError("cut"),
    ]
    found, clock = _read(iter([*trouble, *[_metrics(1.5, 100)] * SAMPLES]))
    assert found == {1.5: 100}
    assert clock.now < BOUND_SECONDS


def test_reading_goes_on_until_an_instance_of_the_first_time_answers() -> None:
    found, _ = _read(iter([*[_metrics(9.0, 50)] * 2 * SAMPLES, _metrics(1.5, 110)]), wanted=(1.5, 2.5))
    assert found == {9.0: 50, 1.5: 110}


def test_reading_ends_at_its_bound() -> None:
    found, clock = _read(_endless(lambda: httpx.ConnectError("refused")))
    assert found == {}
    assert BOUND_SECONDS <= clock.now < BOUND_SECONDS + 1
    found, clock = _read(_endless(lambda: _metrics(9.0, 50)), wanted=(1.5,))
    assert found == {9.0: 50}
    assert BOUND_SECONDS <= clock.now < BOUND_SECONDS + 1


def test_memory_is_compared_within_the_same_instances() -> None:
    first = {1.5: 100, 2.5: 300}
    assert compared(first, {2.5: 310, 9.0: 50}) == {"first_bytes": 300, "last_bytes": 310}
    assert compared(first, {9.0: 50}) == {"first_bytes": None, "last_bytes": None}
