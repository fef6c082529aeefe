"""The backend's memory is read over the whole load; what fails is tried again."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from include.load_test.memory import ATTEMPTS, MOST_READINGS, READERS, MemorySeries


class Backend:
    """A backend on a clock that sleeping moves.

    :param answers: what it answers in turn; an error is raised.
    """

    def __init__(self, answers: Iterator[str | Exception]) -> None:
        self._answers = answers
        self.now = 0.0
        self.series = MemorySeries(self.read, 3600, clock=lambda: self.now, sleep=self.sleep)

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


def test_each_instance_has_a_series_of_its_own() -> None:
    backend = Backend(iter([_metrics(1.5, 100), _metrics(2.5, 300), _metrics(1.5, 110)]))
    for _ in range(3):
        backend.series.take()
    first, second = backend.series.report()["instances"]
    assert (first["started_at"], first["resident_bytes"], first["at_seconds"]) == (
        1.5,
        [100, 110],
        [0.01, 0.03],
    )
    assert (second["started_at"], second["resident_bytes"]) == (2.5, [300])


def test_a_reading_that_fails_is_tried_again() -> None:
    backend = Backend(iter([httpx.ReadTimeout("busy"), "no healthy upstream", _metrics(1.5, 100)]))
    backend.series.take()
    report = backend.series.report()
    assert (len(report["instances"]), report["failed_readings"]) == (1, 0)


def test_readings_that_never_succeed_are_counted() -> None:
    backend = Backend(iter([httpx.ConnectError("refused")] * ATTEMPTS))
    backend.series.take()
    assert backend.series.report() == {"instances": [], "failed_readings": 1}


def test_a_long_series_is_thinned_and_keeps_its_end() -> None:
    backend = Backend(iter([_metrics(1.5, n) for n in range(1000)]))
    for _ in range(1000):
        backend.series.take()
    (kept,) = backend.series.report()["instances"]
    assert MOST_READINGS / 2 < len(kept["resident_bytes"]) <= MOST_READINGS
    assert kept["resident_bytes"][-1] == 999
    assert kept["at_seconds"] == sorted(kept["at_seconds"])


def test_a_slow_answer_does_not_lengthen_the_interval() -> None:
    class StoppedError(Exception):
        pass

    backend = Backend(iter([_metrics(1.5, 100)] * 4))
    slept = list[float]()

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        backend.now += seconds
        if len(slept) == 4:
            raise StoppedError

    series = MemorySeries(backend.read, 60, clock=lambda: backend.now, sleep=sleep)
    with pytest.raises(StoppedError):
        series.run()
    assert slept == pytest.approx([0.1 * READERS - 0.01] * 4), "of each reader, less the 10 ms of the answer"
