"""What the services count about themselves, in Prometheus' terms."""

from __future__ import annotations

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics

REQUEST_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10)
EVENT_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1, 2, 5)
ALERT_LEVELS = ("low", "medium", "high", "exceeded")
ROW_OUTCOMES = ("written", "refused", "overflowed", "abandoned")

disable_created_metrics()  # type: ignore[no-untyped-call]


class RequestMetrics:
    """What every service counts of its API requests, synthetic ones apart from those of users."""

    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        label = ["synthetic"]
        self._durations = Histogram(
            "http_request_duration_seconds",
            "Duration of API requests",
            label,
            buckets=REQUEST_SECONDS,
            registry=registry,
        )
        self._errors = Counter(
            "http_request_errors", "API requests answered with 5xx, or not at all", label, registry=registry
        )
        for value in ("true", "false"):
            self._durations.labels(value)
            self._errors.labels(value)

    def answered(self, seconds: float, *, status: int, synthetic: bool) -> None:
        """Count a request.

        :param seconds: until its answer was complete.
        :param status: of the answer; 0 without one.
        :param synthetic: whether nobody but a release asked.
        """
        value = "true" if synthetic else "false"
        self._durations.labels(value).observe(seconds)
        if status == 0 or status >= 500:
            self._errors.labels(value).inc()


class BackendMetrics:
    """The backend's own metrics; every label value exists from the start, at zero."""

    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        def counter(name: str, text: str, label: str, values: tuple[str, ...]) -> Counter:
            made = Counter(name, text, [label], registry=registry)
            for value in values:
                made.labels(value)
            return made

        def plain(name: str, text: str) -> Counter:
            return Counter(name, text, registry=registry)

        outcomes = ("success", "failure")
        self.attempts = counter(
            "token_optimization_attempts", "Prompts whose reduction was tried", "outcome", outcomes
        )
        self.cost_original = plain(
            "token_optimization_cost_original_usd", "Cost before successful optimizations"
        )
        self.cost = plain("token_optimization_cost_usd", "Cost after successful optimizations")
        self.cost_checks = counter(
            "cost_calculation_checks",
            "Costs recomputed independently",
            "result",
            ("accurate", "inaccurate"),
        )
        self.connections = counter(
            "websocket_connections", "WebSocket handshakes of good callers", "outcome", outcomes
        )
        self.events = counter(
            "websocket_events", "Events owed to a connected client", "outcome", ("delivered", "lost")
        )
        self.event_latency = Histogram(
            "websocket_event_latency_seconds",
            "From an event's time stamp to its being sent",
            buckets=EVENT_SECONDS,
            registry=registry,
        )
        self.isolation_breaches = plain(
            "session_isolation_breaches", "Answers that carried another user's session"
        )
        self.budget_alerts = counter(
            "budget_alerts", "Users who reached an alert level", "level", ALERT_LEVELS
        )
        self.usage_rows = counter(
            "token_usage_rows",
            "Usage rows by what became of them",
            "outcome",
            ROW_OUTCOMES,
        )
        self.usage_write_failures = plain("token_usage_write_failures", "Writes of usage rows that failed")
        self.event_rows = counter(
            "product_event_rows",
            "Rows about everything but usage, by what became of them",
            "outcome",
            ROW_OUTCOMES,
        )
        self.redis_up = Gauge("redis_up", "Whether the last command to Redis was answered", registry=registry)
        self.redis_commands = Counter(
            "redis_commands",
            "Pipelines of commands to Redis, by what they are for; skipped ones while it is away",
            ["purpose", "outcome"],
            registry=registry,
        )
        for purpose in ("requests", "sessions", "fan_out"):
            for outcome in (*outcomes, "skipped"):
                self.redis_commands.labels(purpose, outcome)
        self.session_counts = counter(
            "session_counts",
            "Session contexts by where they came from; database for those begun from usage on record",
            "source",
            ("redis", "process", "database"),
        )
        self.rate_limit = counter(
            "rate_limit_checks",
            "Requests against their user's limit; unchecked ones while Redis is away",
            "outcome",
            ("allowed", "limited", "unchecked"),
        )
        self.followed = counter(
            "websocket_followed_events",
            "Events for sockets that follow a session",
            "outcome",
            ("queued", "overflowed", "resync"),
        )
        self.event_write_failures = plain("product_event_write_failures", "Writes of such rows that failed")
