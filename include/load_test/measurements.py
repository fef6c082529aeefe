"""What a load test measured, and the report it writes."""

from __future__ import annotations

import time
from array import array
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from include.load_test.generator import percentile

INTERVALS = 60
MOST_REASONS = 10
_REASON_CHARACTERS = 200
EVENT_FAULTS = ("lost", "doubled", "out_of_order", "foreign", "wrong")
_COUNTERS = ("_reasons", "_answers", "_isolation", "_tracking", "_sockets")
_SUMS = ("_cost_original_usd", "_cost_usd", "_tokens_original", "_tokens_used")


@dataclass
class _Endpoint:
    requests: int = 0
    failures: int = 0
    latencies_ms: array[float] = field(default_factory=lambda: array("d"))


@dataclass
class _Interval:
    users: int = 0
    requests: int = 0
    failures: int = 0
    latencies_ms: array[float] = field(default_factory=lambda: array("d"))
    event_latencies_ms: array[float] = field(default_factory=lambda: array("d"))


class Measurements:
    """Counts of one load test. Nothing measured stays visible as such: rates over nothing are None.

    A request is one over HTTP or one for a WebSocket. An exception, an unexpected body or a failed check is
    a failed request, also when it is no answer's.

    :param seconds: how long the load is to last.
    :param clock: says the time in s.
    """

    def __init__(self, seconds: float = 60.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._began = clock()
        self._interval_seconds = max(1.0, seconds / INTERVALS)
        self._intervals: dict[int, _Interval] = defaultdict(_Interval)
        self._endpoints: dict[str, _Endpoint] = defaultdict(_Endpoint)
        self.requests = self.failures = 0
        self.latencies_ms = array("d")
        self._reasons: Counter[str] = Counter()
        self._answers = Counter[str]()
        self._cost_original_usd = self._cost_usd = Decimal(0)
        self._tokens_original = self._tokens_used = 0
        self._isolation = Counter[str]()
        self._tracking = Counter[str]()
        self._sockets = Counter[str]()
        self._event_latencies_ms = array("d")
        # How far the platform's clock is ahead of this one lies between these two, in s.
        self._ahead_at_least, self._ahead_at_most = float("-inf"), float("inf")
        self._added_difference = 0.0

    def on_request(
        self, request_type: str, name: str, response_time: float, exception: object, context: Any, **_: Any
    ) -> None:
        """Take note of one of Locust's ``request`` events.

        ``late_ms`` of the context is how much later than due the request was sent: what stalls is seen by
        every request that it delays.
        """
        if request_type != "WS" or name == "connect":
            self._request(name, response_time + context.get("late_ms", 0.0), exception)
            if name == "connect":
                self._sockets["connects"] += 1
                self._sockets["connect_failures"] += exception is not None
        elif name == "event":
            self._event(context, exception)
        elif exception is not None:
            self._sockets["broken"] += 1
            self._reason(name, exception)

    def on_user_error(self, exception: object, **_: Any) -> None:
        """Take note of an exception in a user: a request that failed, of which nothing else tells."""
        self._request("user error", None, exception)

    def on_answer(self, answer: dict[str, Any], cost_accurate: bool) -> None:
        """Take note of one optimize answer."""
        self._answers["checked"] += 1
        self._answers["accurate"] += cost_accurate
        self._cost_original_usd += Decimal(answer["cost_original_usd"])
        self._cost_usd += Decimal(answer["cost_usd"])
        self._tokens_original += answer["tokens_original"]
        self._tokens_used += answer["tokens_used"]

    def on_isolation(self, is_foreign: bool) -> None:
        """Take note of whether an answer or event carried another user's session."""
        self._isolation["checked"] += 1
        self._isolation["breaches"] += is_foreign

    def on_costs(self, is_wrong: bool) -> None:
        """Take note of whether a user's costs followed the user's answers."""
        self._tracking["checked"] += 1
        self._tracking["wrong"] += is_wrong

    def on_users(self, users: int) -> None:
        """Take note of how many users there are."""
        now = self._interval()
        now.users = max(now.users, users)

    def report(
        self, users: int, memory: dict[str, Any], generator: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        """Return the report's content.

        :param users: concurrent users that the load test was to have.
        :param memory: the backend's resident memory.
        :param generator: what the generator did.
        """
        seconds = self._clock() - self._began
        return {
            "users": users,
            "duration_seconds": round(seconds, 3),
            "requests": self.requests,
            "failures": self.failures,
            "failure_rate": self.failures / self.requests if self.requests else None,
            "latency_p50_ms": percentile(self.latencies_ms, 50),
            "latency_p95_ms": percentile(self.latencies_ms, 95),
            "latency_p99_ms": percentile(self.latencies_ms, 99),
            "endpoints": {
                name: {
                    "requests": seen.requests,
                    "failures": seen.failures,
                    "latency_p95_ms": percentile(seen.latencies_ms, 95),
                }
                for name, seen in sorted(self._endpoints.items())
            },
            "failure_reasons": dict(self._reasons.most_common(MOST_REASONS)),
            "cost_reduction_percent": _reduction(self._cost_original_usd, self._cost_usd),
            "token_reduction_percent": _reduction(self._tokens_original, self._tokens_used),
            "cost_accuracy_percent": 100 * self._answers["accurate"] / self._answers["checked"]
            if self._answers["checked"]
            else None,
            "cost_tracking": {key: self._tracking[key] for key in ("checked", "wrong")},
            "isolation": {key: self._isolation[key] for key in ("checked", "breaches")},
            "websocket": {
                **{key: self._sockets[key] for key in ("connects", "connect_failures", "events")},
                **{key: self._sockets[key] for key in (*EVENT_FAULTS, "broken")},
                "latency_p95_ms": percentile(self._corrected_event_latencies(), 95),
                "clock_difference_ms": round(self._largest_difference() * 1000, 3),
            },
            "memory": memory,
            "generator": generator,
            "timeline": [
                {
                    "at_seconds": round(number * self._interval_seconds, 3),
                    "users": interval.users,
                    "requests_per_second": round(interval.requests / self._interval_seconds, 2),
                    "failures": interval.failures,
                    "latency_p95_ms": percentile(interval.latencies_ms, 95),
                    "event_latency_p95_ms": percentile(interval.event_latencies_ms, 95),
                }
                for number, interval in sorted(self._intervals.items())
            ],
        }

    def peak_users(self) -> int:
        """Return the users at once in the stretch that had the most."""
        return max((interval.users for interval in self._intervals.values()), default=0)

    def share(self) -> dict[str, Any]:
        """Return everything measured, as JSON values that :meth:`add` takes."""
        return {
            "seconds": self._clock() - self._began,
            "endpoints": {name: _counted(seen) for name, seen in self._endpoints.items()},
            "intervals": {
                number: {
                    **_counted(interval),
                    "users": interval.users,
                    "event_latencies_ms": list(interval.event_latencies_ms),
                }
                for number, interval in self._intervals.items()
            },
            "event_latencies_ms": list(self._corrected_event_latencies()),
            "clock_difference": self._largest_difference(),
            **{name: getattr(self, name) for name in _COUNTERS},
            **{name: str(getattr(self, name)) for name in _SUMS},
        }

    def add(self, share: Mapping[str, Any], after_seconds: float = 0.0) -> None:
        """Count what another generator of the same load measured, exactly as if it were measured here.

        :param share: of the other one's :meth:`share`.
        :param after_seconds: how much later than this one it began, in s.
        """
        later = round(after_seconds / self._interval_seconds)
        for name, seen in share["endpoints"].items():
            for counted in (self, self._endpoints[name]):
                _count(counted, seen)
        for number, seen in share["intervals"].items():
            interval = self._intervals[int(number) + later]
            _count(interval, seen)
            interval.users += seen["users"]
            interval.event_latencies_ms.extend(seen["event_latencies_ms"])
        self._event_latencies_ms.extend(share["event_latencies_ms"])
        self._added_difference = max(self._added_difference, share["clock_difference"], key=abs)
        for name in _COUNTERS:
            getattr(self, name).update(share[name])
        for name in _SUMS:
            setattr(self, name, getattr(self, name) + Decimal(share[name]))

    def _interval(self) -> _Interval:
        return self._intervals[int((self._clock() - self._began) / self._interval_seconds)]

    def _request(self, name: str, latency_ms: float | None, exception: object) -> None:
        now, endpoint = self._interval(), self._endpoints[name]
        for counted in (self, endpoint, now):
            counted.requests += 1
            counted.failures += exception is not None
            if latency_ms is not None:
                counted.latencies_ms.append(latency_ms)
        if exception is not None:
            self._reason(name, exception)

    def _reason(self, name: str, exception: object) -> None:
        self._reasons[f"{name}: {exception}"[:_REASON_CHARACTERS]] += 1

    def _event(self, context: Any, exception: object) -> None:
        fault, latency_ms = context.get("fault"), context.get("latency_ms")
        if exception is not None:
            self._sockets[fault or "wrong"] += 1
            self._reason("event", exception)
        if latency_ms is None:
            return
        self._sockets["events"] += 1
        self._event_latencies_ms.append(latency_ms)
        self._interval().event_latencies_ms.append(latency_ms)
        self._ahead_at_least = max(self._ahead_at_least, -latency_ms / 1000)
        if (emitted_after := context.get("emitted_after_seconds")) is not None:
            self._ahead_at_most = min(self._ahead_at_most, emitted_after)

    def _clock_difference(self) -> float:
        """Return by how many s the platform's clock is certainly ahead (behind: negative) of this one.

        An event is emitted after its prompt was sent and before it is received.
        """
        if self._ahead_at_least > 0:
            return self._ahead_at_least
        return min(0.0, self._ahead_at_most)

    def _largest_difference(self) -> float:
        return max(self._clock_difference(), self._added_difference, key=abs)

    def _corrected_event_latencies(self) -> array[float]:
        shift = self._clock_difference() * 1000
        return array("d", (latency + shift for latency in self._event_latencies_ms))


def _counted(seen: _Endpoint | _Interval) -> dict[str, Any]:
    return {"requests": seen.requests, "failures": seen.failures, "latencies_ms": list(seen.latencies_ms)}


def _count(counted: Measurements | _Endpoint | _Interval, seen: Mapping[str, Any]) -> None:
    counted.requests += seen["requests"]
    counted.failures += seen["failures"]
    counted.latencies_ms.extend(seen["latencies_ms"])


def _reduction(original: Decimal | int, used: Decimal | int) -> float | None:
    return float(100 * (1 - Decimal(used) / Decimal(original))) if original else None
