"""What a load test saw, as it is on record."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict


class Seen(BaseModel):
    """A part of a load test's report: frozen plain data."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class EndpointReport(Seen):
    """What the users saw of one endpoint.

    :param requests: requests made.
    :param failures: requests that failed.
    :param latency_p95_ms: P95 of the latency in ms; None without an answer.
    """

    requests: int
    failures: int
    latency_p95_ms: float | None = None


class CheckReport(Seen):
    """A check that the users made again and again.

    :param checked: how often.
    :param wrong: how often it failed.
    """

    checked: int = 0
    wrong: int = 0


class IsolationReport(Seen):
    """Whose sessions the answers and events carried.

    :param checked: answers and events with a session.
    :param breaches: those that carried another session.
    """

    checked: int = 0
    breaches: int = 0


class WebSocketReport(Seen):
    """What the users saw of the event streams.

    :param connects: connections asked for.
    :param connect_failures: those that were refused.
    :param events: events received.
    :param lost: events that did not arrive.
    :param doubled: events that arrived again.
    :param out_of_order: events that arrived before an earlier one.
    :param foreign: events of another session.
    :param wrong: events that cannot be read, that nobody asked for, or whose content is wrong.
    :param broken: connections that ended otherwise than by the user.
    :param latency_p95_ms: P95 of an event's latency in ms, by one clock; None without events.
    :param clock_difference_ms: by how much the platform's clock is certainly ahead (behind: negative) of the
        load generator's, in ms.
    """

    connects: int
    connect_failures: int
    events: int
    lost: int
    doubled: int = 0
    out_of_order: int = 0
    foreign: int = 0
    wrong: int = 0
    broken: int = 0
    latency_p95_ms: float | None
    clock_difference_ms: float = 0


class InstanceMemory(Seen):
    """Resident memory of one instance of the backend.

    :param started_at: moment that it started, in s since 1970.
    :param at_seconds: moments of the readings, in s since the load began.
    :param resident_bytes: the readings, in bytes.
    """

    started_at: float
    at_seconds: tuple[float, ...]
    resident_bytes: tuple[float, ...]


class MemoryReport(Seen):
    """Resident memory of the backend over the whole load.

    :param instances: the instances that answered.
    :param failed_readings: readings that failed, each tried several times.
    """

    instances: tuple[InstanceMemory, ...] = ()
    failed_readings: int = 0


class GeneratorReport(Seen):
    """What the load generator did itself.

    :param peak_users: users at once.
    :param full_load_seconds: how long all planned users worked, in s.
    :param least_requests_of_a_user: steps of the user who made the fewest.
    :param cpu_percent: processor time of the generator, in percent of one core; None when not measured.
    :param lateness_p95_ms: P95 of how late the generator's own heartbeat came, in ms; None without one.
    :param generators: generators that were planned; of several the worst CPU and lateness count.
    :param lost: numbers of those that left no measurements.
    """

    peak_users: int
    full_load_seconds: float
    least_requests_of_a_user: int
    cpu_percent: float | None
    lateness_p95_ms: float | None
    generators: int = 1
    lost: tuple[int, ...] = ()


class IntervalReport(Seen):
    """A stretch of the load test, for its plots.

    :param at_seconds: its begin, in s since the load began.
    :param users: users at once.
    :param requests_per_second: requests a second.
    :param failures: requests that failed.
    :param latency_p95_ms: P95 of the latency in ms; None without an answer.
    :param event_latency_p95_ms: P95 of the events' latency in ms; None without events.
    """

    at_seconds: float
    users: int
    requests_per_second: float
    failures: int
    latency_p95_ms: float | None
    event_latency_p95_ms: float | None


class LoadReport(Seen):
    """What a load test saw, from its users' side.

    A request is one over HTTP or one for a WebSocket; an exception, an unexpected body or a failed check is
    a failed one. Latencies count from the moment a request was due, in ms.

    :param users: concurrent simulated users that were planned.
    :param duration_seconds: how long the load lasted, in s.
    :param requests: requests made.
    :param failures: requests that failed.
    :param failure_rate: share of them, 0..1; None without requests.
    :param latency_p50_ms: median latency in ms.
    :param latency_p95_ms: P95 of the latency in ms.
    :param latency_p99_ms: P99 of the latency in ms.
    :param endpoints: by endpoint.
    :param failure_reasons: the most frequent reasons, and how often each.
    :param cost_reduction_percent: costs that the optimizer saved.
    :param token_reduction_percent: tokens that the optimizer saved.
    :param cost_accuracy_percent: answers whose costs are right when they are calculated again.
    :param cost_tracking: whether the costs shown followed the answers in time.
    :param isolation: whether answers and events carried the user's own session.
    :param websocket: the event streams.
    :param memory: memory of the backend.
    :param generator: what the load generator did; None in a report of an earlier version.
    :param timeline: the load test, stretch by stretch.
    :param unfinished: why the load did not run to its end, in one line; None when it did.
    """

    users: int = 0
    duration_seconds: float = 0
    requests: int
    failures: int
    failure_rate: float | None = None
    latency_p50_ms: float | None = None
    latency_p95_ms: float | None = None
    latency_p99_ms: float | None = None
    endpoints: Mapping[str, EndpointReport] = {}
    failure_reasons: Mapping[str, int] = {}
    cost_reduction_percent: float | None = None
    token_reduction_percent: float | None = None
    cost_accuracy_percent: float | None = None
    cost_tracking: CheckReport = CheckReport()
    isolation: IsolationReport = IsolationReport()
    websocket: WebSocketReport
    memory: MemoryReport
    generator: GeneratorReport | None = None
    timeline: tuple[IntervalReport, ...] = ()
    unfinished: str | None = None
