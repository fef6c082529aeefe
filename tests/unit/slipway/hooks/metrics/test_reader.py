"""Readings become increments per revision, as of stated moments."""

from __future__ import annotations

import math
from collections.abc import Mapping

import pytest
from slipway.analysis.counts import Counts
from slipway.exceptions import MetricsAnswerOdd, MetricsQueryInvalid, MetricsUnavailable
from slipway.hooks.cloud_run.address import ServiceAddress
from slipway.hooks.metrics.promql import Sample
from slipway.hooks.metrics.query_text import filled_in, queries
from slipway.hooks.metrics.reader import MetricReader
from slipway.policy.metrics import Metric
from slipway.policy.release import load_policy

CANARY, STABLE = "web-2", "web-1"
WEB = ServiceAddress("there", "here", "web")


class Door:
    """Answers queries from a table, as the PromQL hook does."""

    def __init__(self) -> None:
        self.values: dict[str, dict[tuple[str, str], float]] = {}
        self.asked: list[tuple[str, float]] = []
        self.broken = False

    async def aquery(self, expr: str, time: float) -> list[Sample]:
        self.asked.append((expr, time))
        if self.broken:
            raise MetricsUnavailable("no answer")
        return [
            Sample({"revision_name": revision, "instance": instance}, value, time)
            for (revision, instance), value in self.values.get(expr, {}).items()
        ]


def metrics(*keys: str) -> Mapping[str, Metric]:
    return {key: load_policy("release.yaml").metrics[key] for key in keys}


def texts(metric: Metric) -> dict[str, str]:
    return {part: filled_in(text, WEB, [CANARY, STABLE]) for part, text in queries(metric).items()}


def reader(door: Door, found: Mapping[str, Metric]) -> MetricReader:
    return MetricReader(door, found, service=WEB, revisions=[CANARY, STABLE])  # type: ignore[arg-type]


@pytest.mark.asyncio
async def test_a_share_counts_from_the_first_reading_on_per_revision() -> None:
    found = metrics("error_rate")
    parts, door = texts(found["error_rate"]), Door()
    door.values[parts["total"]] = {(CANARY, "a"): 5, (STABLE, "b"): 100}
    under_test = reader(door, found)
    assert await under_test.read(at=10) == [{"error_rate": Counts()}, {"error_rate": Counts()}]
    door.values[parts["total"]] = {(CANARY, "a"): 15, (CANARY, "new"): 2, (STABLE, "b"): 190}
    door.values[parts["over_target"]] = {(CANARY, "a"): 1}
    canary, stable = await under_test.read(at=11)
    assert canary == {"error_rate": Counts(12, 1, 1)}
    assert stable == {"error_rate": Counts(90, 0, 0)}
    assert {moment for _, moment in door.asked} == {10, 11}


@pytest.mark.asyncio
async def test_a_quantile_counts_what_is_slower_than_each_limit() -> None:
    found = metrics("latency_p95")
    parts, door = texts(found["latency_p95"]), Door()
    assert r'le=~"0\\.5"' in parts["within_target"]
    assert r'le=~"2|2\\.0"' in parts["within_trigger"]
    under_test = reader(door, found)
    await under_test.read(at=0)
    for part, value in {"total": 100, "within_target": 90, "within_trigger": 97}.items():
        door.values[parts[part]] = {(CANARY, "a"): value}
    canary, _ = await under_test.read(at=1)
    assert canary == {"latency_p95": Counts(100, 10, 3)}


@pytest.mark.asyncio
async def test_requests_without_a_bucket_to_fall_in_are_no_evidence_never_slow_ones() -> None:
    found = metrics("latency_p95")
    parts, door = texts(found["latency_p95"]), Door()
    under_test = reader(door, found)
    await under_test.read(at=0)
    door.values[parts["total"]] = {(CANARY, "a"): 100, (STABLE, "b"): 100}
    for part in ("within_target", "within_trigger"):
        door.values[parts[part]] = {(STABLE, "b"): 97}
    canary, stable = await under_test.read(at=1)
    assert (canary, stable) == ({"latency_p95": Counts()}, {"latency_p95": Counts(100, 3, 3)})


@pytest.mark.asyncio
async def test_a_count_that_must_stay_zero_needs_its_series_to_be_there() -> None:
    found = metrics("session_isolation")
    parts, door = texts(found["session_isolation"]), Door()
    under_test = reader(door, found)
    await under_test.read(at=0)
    assert (await under_test.read(at=1))[0] == {"session_isolation": Counts(0, 0, 0)}
    door.values[parts["over_trigger"]] = {(CANARY, "a"): 0}
    assert (await under_test.read(at=2))[0] == {"session_isolation": Counts(1, 0, 0)}
    door.values[parts["over_trigger"]] = {(CANARY, "a"): 2}
    assert (await under_test.read(at=3))[0] == {"session_isolation": Counts(1, 0, 2)}


@pytest.mark.asyncio
async def test_a_gap_is_covered_by_the_next_reading() -> None:
    found = metrics("error_rate")
    parts, door = texts(found["error_rate"]), Door()
    under_test = reader(door, found)
    await under_test.read(at=0)
    door.broken = True
    with pytest.raises(MetricsUnavailable):
        await under_test.read(at=1)
    door.broken = False
    door.values[parts["total"]] = {(CANARY, "a"): 40}
    assert (await under_test.read(at=2))[0] == {"error_rate": Counts(40, 0, 0)}


@pytest.mark.asyncio
async def test_a_level_is_the_highest_now_with_the_number_of_series_over_its_limit() -> None:
    found = metrics("memory")
    parts, door = texts(found["memory"]), Door()
    under_test = reader(door, found)
    door.values[parts["level"]] = {(CANARY, "a"): 0.95, (CANARY, "b"): 0.5, (STABLE, "c"): 0.4}
    assert await under_test.read(at=0) == [{"memory": Counts(2, 0.95, 1)}, {"memory": Counts(1, 0.4, 0)}]
    door.values[parts["level"]] = {(CANARY, "a"): 0.5}
    assert (await under_test.read(at=1))[0] == {"memory": Counts(1, 0.5, 0)}


@pytest.mark.asyncio
async def test_a_counter_that_falls_by_one_does_not_begin_again() -> None:
    found = metrics("error_rate")
    parts, door = texts(found["error_rate"]), Door()
    under_test, seen = reader(door, found), []
    for check, value in enumerate((36000, 36075, 36074, 36150)):
        door.values[parts["total"]] = {(CANARY, "a"): value}
        seen.append((await under_test.read(at=15 * check))[0]["error_rate"].total)
    assert seen == [0, 75, 0, 75]


class PartlyBroken(Door):
    """A source that refuses some queries."""

    def __init__(self, error: Exception, *refused: str) -> None:
        super().__init__()
        self.error = error
        self.refused = refused

    async def aquery(self, expr: str, time: float) -> list[Sample]:
        if any(text in expr for text in self.refused):
            raise self.error
        return await super().aquery(expr, time)


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "error",
    [MetricsQueryInvalid("422: duplicate series"), MetricsAnswerOdd("partial"), MetricsUnavailable("503")],
)
async def test_one_refused_query_is_no_answer_of_its_metric_alone(error: Exception) -> None:
    found = metrics("error_rate", "memory")
    parts, door = texts(found["error_rate"]), PartlyBroken(error, "container_memory")
    under_test = reader(door, found)
    for check in range(3):
        door.values[parts["total"]] = {(CANARY, "a"): 10 * check}
        canary, stable = await under_test.read(at=15 * check)
        assert canary["memory"] == stable["memory"] == Counts(unanswered=str(error))
    assert canary["error_rate"] == Counts(10, 0, 0)


@pytest.mark.asyncio
async def test_the_next_answer_covers_what_one_metric_missed() -> None:
    found = metrics("error_rate", "session_isolation")
    parts, door = texts(found["error_rate"]), PartlyBroken(MetricsUnavailable("503"))
    under_test = reader(door, found)
    seen = []
    for check in range(4):
        door.refused = ("request_count",) if check == 2 else ()
        door.values[parts["total"]] = {(CANARY, "a"): 10 * check}
        seen.append((await under_test.read(at=15 * check))[0]["error_rate"])
    assert seen == [Counts(), Counts(10), Counts(unanswered="503"), Counts(20)]


@pytest.mark.asyncio
async def test_a_source_that_refuses_every_query_is_down() -> None:
    door = PartlyBroken(MetricsQueryInvalid("422"), "")
    with pytest.raises(MetricsUnavailable, match="422"):
        await reader(door, metrics("error_rate", "memory")).read(at=0)


@pytest.mark.asyncio
async def test_an_infinite_counter_is_no_evidence_and_an_infinite_level_is_over_its_limit() -> None:
    found = metrics("error_rate", "memory")
    door = Door()
    door.values[texts(found["error_rate"])["total"]] = {(CANARY, "a"): math.inf}
    door.values[texts(found["memory"])["level"]] = {(CANARY, "a"): math.inf, (CANARY, "b"): -math.inf}
    canary, _ = await reader(door, found).read(at=0)
    assert canary["error_rate"].odd.endswith('{instance="a"} is inf, which no counter can be')
    assert canary["memory"] == Counts(1, math.inf, 1)


@pytest.mark.asyncio
async def test_one_series_twice_in_an_answer_is_no_answer() -> None:
    class Doubled(Door):
        async def aquery(self, expr: str, time: float) -> list[Sample]:
            return 2 * await super().aquery(expr, time)

    found, door = metrics("memory"), Doubled()
    door.values[texts(found["memory"])["level"]] = {(CANARY, "a"): 0.5}
    canary, _ = await reader(door, found).read(at=0)
    assert canary["memory"].unanswered == "1 series answer twice under the same labels"


@pytest.mark.asyncio
async def test_series_of_two_replicas_are_no_evidence_and_a_breach_among_them_still_is() -> None:
    class Replicated(Door):
        async def aquery(self, expr: str, time: float) -> list[Sample]:
            found = await super().aquery(expr, time)
            return [
                Sample({**sample.labels, "replica": name}, sample.value, time)
                for sample in found
                for name in ("x", "y")
            ]

    found, door = metrics("error_rate", "session_isolation", "memory"), Replicated()
    under_test = reader(door, found)
    for check in range(3):
        door.values[texts(found["error_rate"])["total"]] = {(CANARY, "a"): 75.0 * check}
        door.values[texts(found["session_isolation"])["over_trigger"]] = {(CANARY, "a"): check}
        door.values[texts(found["memory"])["level"]] = {(CANARY, "a"): 0.5}
        canary, stable = await under_test.read(at=15 * check)
    assert canary["error_rate"].odd.endswith("is counted 2 times, with replica x and y")
    assert canary["session_isolation"].over_trigger > 0
    assert canary["memory"] == Counts(2, 0.5, 0)
    assert not stable["error_rate"].odd


@pytest.mark.asyncio
async def test_a_check_asks_only_the_queries_of_its_metrics() -> None:
    found = metrics("error_rate", "session_isolation")
    door = Door()
    under_test = reader(door, found)
    canary, _ = await under_test.read(at=60, keys=["session_isolation"])
    assert list(canary) == ["session_isolation"]
    await under_test.read(at=0, keys=["error_rate"])
    asked = {(text, at) for text, at in door.asked if "request_count" not in text}
    assert asked == {(texts(found["session_isolation"])["over_trigger"], 60)}
