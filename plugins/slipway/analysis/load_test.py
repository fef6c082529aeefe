"""Does the load test allow the release to go on? Its own evidence first, then what its users saw."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import log

from slipway.analysis.load_report import EndpointReport, GeneratorReport, InstanceMemory, LoadReport
from slipway.analysis.statistics.wilson import wilson_interval
from slipway.analysis.verdict import Cause, Finding, Verdict
from slipway.policy.staging import LoadEvidence, LoadTest

_CONFIDENCE = 0.95
_TOO_LITTLE = Cause.NOT_ENOUGH_EVIDENCE


def judge_load(report: LoadReport | None, limits: LoadTest) -> list[Finding]:
    """Judge a load test.

    When its generator was too busy, times are not judged: they would be the generator's own. Everything else
    that went wrong counts, however little of a load test it was; nothing passes on too little.

    :param report: what the load test saw; None when it did not run.
    :param limits: the policy's.
    """
    if report is not None and report.unfinished and not report.requests:
        return [_inconclusive("load", None, report.unfinished, 0)]
    if report is None or not report.requests:
        reason = "load test: no evidence, no request was answered"
        return [Finding("load_test", Verdict.ROLLBACK, reason, None, 0)]
    memory = _memory(report.memory.instances, limits)
    evidence = _evidence(report, limits, memory)
    slow = any(found.metric.startswith("generator") for found in evidence)
    findings = [*_requests(report, limits), *_costs(report, limits), *_sessions(report)]
    findings += _events(report)
    if memory not in evidence:
        findings.append(memory)
    if not slow:
        findings += _times(report, limits)
    return [*evidence, *findings]


def judge_evidence(report: LoadReport, limits: LoadTest) -> list[Finding]:
    """Return what a load test lacks of what the policy requires it to have been; nothing for a sound one.

    :param report: what the load test saw.
    :param limits: the policy's.
    """
    return _evidence(report, limits, _memory(report.memory.instances, limits))


def _evidence(report: LoadReport, limits: LoadTest, memory: Finding) -> list[Finding]:
    found = [
        _inconclusive(what, value, words, report.requests)
        for what, value, words in _lacks(report, limits, limits.evidence)
    ]
    # A backend that was read too seldom may be read more often next time; one that shows no memory will not.
    if memory.cause is Cause.NO_EVIDENCE and memory.events:
        found.append(memory)
    return found


def _inconclusive(what: str, value: float | None, words: str, events: float) -> Finding:
    return Finding(what, Verdict.HOLD, f"load test inconclusive: {words}", value, events, _TOO_LITTLE)


def _lacks(
    report: LoadReport, limits: LoadTest, required: LoadEvidence
) -> Iterator[tuple[str, float | None, str]]:
    if report.unfinished:
        yield "load", None, report.unfinished
    seen = report.generator
    if seen is None:
        yield "load evidence", None, "the report does not say what the load generator did"
        return
    yield from _generator_lacks(seen, limits, required)
    difference, allowed = report.websocket.clock_difference_ms, required.maximum_clock_difference_ms
    if abs(difference) > allowed:
        words = f"clocks of the platform and the load generator differ by {difference:.0f} ms"
        yield "clocks", difference, f"{words}, at most {allowed:g} ms allowed"
    checked = report.isolation.checked
    needed = required.minimum_isolation_checks_per_hour * limits.duration_seconds / 3600
    if checked < needed:
        words = f"{checked} answers checked for another session, {needed:.0f} required"
        yield "isolation checks", checked, words


def _generator_lacks(
    seen: GeneratorReport, limits: LoadTest, required: LoadEvidence
) -> Iterator[tuple[str, float | None, str]]:
    if seen.lost:
        lost = ", ".join(map(str, seen.lost))
        yield "generators", len(seen.lost), f"{len(seen.lost)} of {seen.generators} generators lost ({lost})"
    if seen.peak_users < limits.users:
        yield "users", seen.peak_users, f"{seen.peak_users} of {limits.users} users at most"
    least = max(0.0, limits.duration_seconds - required.ramp_up_seconds)
    if seen.full_load_seconds < least:
        words = f"all users worked for {seen.full_load_seconds:.0f} s, {least:.0f} s required"
        yield "full load", seen.full_load_seconds, words
    fewest = seen.least_requests_of_a_user
    needed = max(1.0, limits.planned_requests_per_user * required.minimum_requests_percent / 100)
    if fewest < needed:
        yield "requests per user", fewest, f"a user made {fewest} requests, {needed:g} required of each"
    cpu, most = seen.cpu_percent, required.maximum_generator_cpu_percent
    if cpu is None or cpu > most:
        words = "not measured" if cpu is None else f"{cpu:.0f} % of a core"
        yield (
            "generator CPU",
            cpu,
            f"processor time of the load generator {words}, at most {most:g} % allowed",
        )
    late, latest = seen.lateness_p95_ms, required.maximum_generator_lateness_ms
    if late is None or late > latest:
        words = "not measured" if late is None else f"{late:.0f} ms"
        yield (
            "generator lateness",
            late,
            f"lateness of the load generator P95 {words}, at most {latest:g} ms allowed",
        )


def _requests(report: LoadReport, limits: LoadTest) -> Iterator[Finding]:
    most, total = limits.maximum_failure_percent, report.requests
    failed = 100 * report.failures / total
    reasons = ", ".join(f"{reason} ({count})" for reason, count in list(report.failure_reasons.items())[:3])
    yield _finding(
        "load test failures",
        failed,
        failed <= most,
        f"{failed:.2f} % of {total} requests (at most {most:g} % allowed)"
        + (f"; {reasons}" if failed > most and reasons else ""),
        events=total,
    )
    for name, seen in report.endpoints.items():
        if _fails(seen, most):
            words = f"{seen.failures} of {seen.requests} failed (at most {most:g} % allowed)"
            yield _finding(name, 100 * seen.failures / seen.requests, False, words, events=seen.requests)


def _fails(seen: EndpointReport, most_percent: float) -> bool:
    """Tell whether an endpoint certainly fails too often: it may have few requests."""
    if not seen.requests:
        return False
    low, _ = wilson_interval(seen.failures, seen.requests, confidence=_CONFIDENCE)
    return 100 * low > most_percent


def _costs(report: LoadReport, limits: LoadTest) -> Iterator[Finding]:
    total, band = report.requests, limits.cost_reduction_percent
    for what, value in (
        ("cost reduction", report.cost_reduction_percent),
        ("token reduction", report.token_reduction_percent),
    ):
        yield _bounded(what, value, band.minimum, band.maximum, "%", total)
    accuracy = report.cost_accuracy_percent
    yield _bounded("cost accuracy", accuracy, limits.minimum_cost_accuracy_percent, 100, "%", total)
    tracking = report.cost_tracking
    within = f"followed the answers within {limits.maximum_cost_tracking_seconds:g} s"
    if not tracking.checked:
        yield Finding("cost tracking", Verdict.ROLLBACK, "cost tracking: no evidence", None, 0)
        return
    percent = 100 * tracking.wrong / tracking.checked
    yield _finding(
        "cost tracking",
        percent,
        percent <= limits.maximum_failure_percent,
        f"{tracking.checked - tracking.wrong} of {tracking.checked} looks at the costs {within}",
        events=tracking.checked,
    )


def _sessions(report: LoadReport) -> Iterator[Finding]:
    seen = report.isolation
    if not seen.checked:
        yield Finding("session isolation", Verdict.ROLLBACK, "session isolation: no evidence", None, 0)
        return
    # None in n has a chance of 5 % when one in n/3 is a breach.
    detects = seen.checked / -log(1 - _CONFIDENCE)
    yield _finding(
        "session isolation",
        seen.breaches,
        not seen.breaches,
        f"{seen.breaches} of {seen.checked} answers and events carried another session (none allowed; "
        f"once in {detects:,.0f} would be seen with a probability of {100 * _CONFIDENCE:g} %)",
        events=seen.checked,
    )


def _events(report: LoadReport) -> Iterator[Finding]:
    socket = report.websocket
    faults = {
        "lost": socket.lost,
        "doubled": socket.doubled,
        "out of order": socket.out_of_order,
        "of another session": socket.foreign,
        "wrong": socket.wrong,
    }
    if not socket.events + socket.lost:
        yield Finding("events", Verdict.ROLLBACK, "events: no evidence", None, 0)
        return
    found = ", ".join(f"{count} {fault}" for fault, count in faults.items() if count)
    yield _finding(
        "events",
        sum(faults.values()),
        not found,
        f"{found or 'none lost, doubled or out of order'} of {socket.events + socket.lost} (none allowed)",
        events=socket.events + socket.lost,
    )
    yield _finding(
        "broken WebSockets",
        socket.broken,
        not socket.broken,
        f"{socket.broken} of {socket.connects - socket.connect_failures} ended unasked (none allowed)",
        events=socket.connects,
    )


def _times(report: LoadReport, limits: LoadTest) -> Iterator[Finding]:
    socket, most = report.websocket, limits.maximum_event_latency_ms
    yield _bounded(
        "latency P95", report.latency_p95_ms, 0, limits.maximum_latency_p95_ms, "ms", report.requests
    )
    latency = socket.latency_p95_ms if socket.events else None
    yield _bounded("event latency P95", latency, 0, most, "ms", socket.events)


def _memory(instances: Sequence[InstanceMemory], limits: LoadTest) -> Finding:
    # NumPy takes longer to import than a DAG file may take to be read.
    from slipway.analysis.memory_growth import Growth, memory_trend

    rules, readings = limits.memory, sum(len(seen.at_seconds) for seen in instances)
    trends = [
        memory_trend(
            seen.at_seconds,
            seen.resident_bytes,
            warm_up_seconds=rules.warm_up_seconds,
            limit=rules.maximum_mib_per_hour,
            confidence=rules.confidence_percent / 100,
            fewest_readings=rules.minimum_readings,
        )
        for seen in instances
    ]
    judged = [trend for trend in trends if trend.slope is not None]
    if not judged:
        reason = (
            f"memory: no evidence, {readings} readings of {len(instances)} instances, at least"
            f" {rules.minimum_readings} of one after {rules.warm_up_seconds:g} s required"
        )
        return Finding("memory", Verdict.HOLD, reason, None, readings, Cause.NO_EVIDENCE)
    worst = max(judged, key=lambda trend: (list(Growth).index(trend.growth), trend.slope or 0.0))
    words = (
        f"{worst.slope:.1f} MiB/h ({worst.low:.1f} to {worst.high:.1f}), at most"
        f" {rules.maximum_mib_per_hour:g} MiB/h allowed; {worst.growth}"
    )
    verdict = {Growth.LEAK: Verdict.ROLLBACK, Growth.UNKNOWN: Verdict.HOLD}.get(worst.growth, Verdict.PROMOTE)
    cause = Cause.NOT_ENOUGH_EVIDENCE if verdict is Verdict.HOLD else None
    return Finding("memory", verdict, f"memory: {words}", worst.slope, readings, cause)


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
