"""Does staging allow the release to go on? Test results and load-test report in, decision out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

from pydantic import BaseModel, ConfigDict

from slipway.analysis.verdict import Decision, Finding, Verdict, combine
from slipway.policy.staging import LoadTest, StagingValidation


class SuiteResult(Protocol):
    """How a test suite went: tests that ran, tests that passed, and the names of those that failed."""

    @property
    def tests(self) -> int: ...

    @property
    def passed(self) -> int: ...

    @property
    def failed(self) -> Sequence[str]: ...


class WebSocketReport(BaseModel):
    """What the load test saw of the event streams.

    :param connects: connections asked for.
    :param connect_failures: those that were refused.
    :param events: events received.
    :param lost: events that did not arrive.
    :param latency_p95_ms: P95 of an event's latency in ms; None without events.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    connects: int
    connect_failures: int
    events: int
    lost: int
    latency_p95_ms: float | None


class MemoryReport(BaseModel):
    """Resident memory of the backend.

    :param first_bytes: bytes when the load began; None when not read.
    :param last_bytes: bytes when it ended; None when not read.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    first_bytes: float | None
    last_bytes: float | None


class LoadReport(BaseModel):
    """What a load test saw.

    :param users: concurrent simulated users.
    :param duration_seconds: how long they stayed, in s.
    :param requests: requests made.
    :param failures: requests that failed.
    :param failure_rate: share of them, 0..1; None without requests.
    :param latency_p50_ms: median latency in ms.
    :param latency_p95_ms: P95 of the latency in ms.
    :param cost_reduction_percent: costs that the optimizer saved.
    :param cost_accuracy_percent: answers whose costs were calculated right.
    :param websocket: the event streams.
    :param memory: memory of the backend.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    users: int = 0
    duration_seconds: float = 0
    requests: int
    failures: int
    failure_rate: float | None = None
    latency_p50_ms: float | None = None
    latency_p95_ms: float | None = None
    cost_reduction_percent: float | None = None
    cost_accuracy_percent: float | None = None
    websocket: WebSocketReport
    memory: MemoryReport


def judge_staging(
    suites: Mapping[str, SuiteResult | None],
    report: LoadReport | None,
    validation: StagingValidation,
    *,
    seconds: float,
) -> Decision:
    """Judge phase 1 by the strategy's success criteria.

    :param suites: the suites' results; None for one that did not run.
    :param report: the load test's report; None when it did not run.
    :param validation: the policy.
    :param seconds: how long the validation took.
    :return: ``promote`` when every criterion holds, otherwise ``rollback``.
    """
    findings = [_suite(name, suites.get(name), validation) for name in validation.suites]
    findings += list(_load(report, validation.load_test))
    return combine(findings, seconds=seconds)


def _suite(name: str, result: SuiteResult | None, validation: StagingValidation) -> Finding:
    if not result or not result.tests:
        return Finding(name, Verdict.ROLLBACK, f"suite {name}: no evidence, it did not run", None, 0)
    percent = 100 * result.passed / result.tests
    return _finding(
        f"suite {name}",
        percent,
        percent >= validation.minimum_pass_percent,
        f"{percent:.0f} % of {result.tests} tests passed "
        f"(at least {validation.minimum_pass_percent:g} % required)"
        + (f"; failed: {', '.join(result.failed)}" if result.failed else ""),
        events=result.tests,
    )


def _load(report: LoadReport | None, limits: LoadTest) -> Iterator[Finding]:
    if not report or not report.requests:
        yield Finding(
            "load_test", Verdict.ROLLBACK, "load test: no evidence, no request was answered", None, 0
        )
        return
    events, socket, memory = report.requests, report.websocket, report.memory
    failed = 100 * report.failures / events
    yield _finding(
        "load test failures",
        failed,
        failed <= limits.maximum_failure_percent,
        f"{failed:.2f} % of {events} requests (at most {limits.maximum_failure_percent:g} % allowed)",
        events=events,
    )
    band = limits.cost_reduction_percent
    yield _bounded("cost reduction", report.cost_reduction_percent, band.minimum, band.maximum, "%", events)
    accuracy = report.cost_accuracy_percent
    yield _bounded("cost accuracy", accuracy, limits.minimum_cost_accuracy_percent, 100, "%", events)
    latency = socket.latency_p95_ms if socket.events else None
    yield _bounded("event latency P95", latency, 0, limits.maximum_event_latency_ms, "ms", socket.events)
    first, last = memory.first_bytes, memory.last_bytes
    growth = 100 * (last - first) / first if first and last else None
    bound = limits.maximum_memory_growth_percent
    yield _bounded("memory growth", growth, float("-inf"), bound, "%", events)


def _bounded(
    what: str, value: float | None, minimum: float, maximum: float, unit: str, events: float
) -> Finding:
    if value is None:
        return Finding(what, Verdict.ROLLBACK, f"{what}: no evidence", None, 0)
    required = f"at most {maximum:g}" if minimum <= 0 else f"{minimum:g} to {maximum:g}"
    return _finding(
        what,
        value,
        minimum <= value <= maximum,
        f"{value:.1f} {unit} ({required} {unit} required)",
        events=events,
    )


def _finding(what: str, value: float, holds: bool, words: str, *, events: float) -> Finding:
    verdict = Verdict.PROMOTE if holds else Verdict.ROLLBACK
    return Finding(what, verdict, f"{what}: {words}", value, events)
