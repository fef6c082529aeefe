"""What a load test measured, and the report it writes."""

from __future__ import annotations

import math
import time
from array import array
from decimal import Decimal
from typing import Any


class Measurements:
    """Counts of one load test. Nothing measured stays visible as such: rates over nothing are None."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self.requests = 0
        self.failures = 0
        self.latencies_ms = array("d")
        self.checked = 0
        self.accurate = 0
        self.cost_original_usd = Decimal(0)
        self.cost_usd = Decimal(0)
        self.connects = 0
        self.connect_failures = 0
        self.events = 0
        self.lost = 0
        self.event_latencies_ms = array("d")

    def on_request(
        self, request_type: str, name: str, response_time: float, exception: object, context: Any, **_: Any
    ) -> None:
        """Take note of one of Locust's ``request`` events."""
        if request_type != "WS":
            self.requests += 1
            self.failures += exception is not None
            self.latencies_ms.append(response_time)
        elif name == "connect":
            self.connects += 1
            self.connect_failures += exception is not None
        elif context.get("lost"):
            self.lost += 1
        elif name == "event":
            self.events += 1
            self.failures += exception is not None
            self.event_latencies_ms.append(response_time)
        else:
            self.failures += exception is not None

    def on_answer(self, answer: dict[str, Any], cost_accurate: bool) -> None:
        """Take note of one optimize answer."""
        self.checked += 1
        self.accurate += cost_accurate
        self.cost_original_usd += Decimal(answer["cost_original_usd"])
        self.cost_usd += Decimal(answer["cost_usd"])

    def report(self, users: int, memory: dict[str, int | None]) -> dict[str, Any]:
        """Return the report's content.

        :param users: concurrent users.
        :param memory: ``first_bytes`` and ``last_bytes`` of the backend's resident memory.
        """
        reduction = None
        if self.cost_original_usd:
            reduction = float(100 * (1 - self.cost_usd / self.cost_original_usd))
        return {
            "users": users,
            "duration_seconds": round(time.monotonic() - self._began, 3),
            "requests": self.requests,
            "failures": self.failures,
            "failure_rate": self.failures / self.requests if self.requests else None,
            "latency_p50_ms": percentile(self.latencies_ms, 50),
            "latency_p95_ms": percentile(self.latencies_ms, 95),
            "cost_reduction_percent": reduction,
            "cost_accuracy_percent": 100 * self.accurate / self.checked if self.checked else None,
            "websocket": {
                "connects": self.connects,
                "connect_failures": self.connect_failures,
                "events": self.events,
                "lost": self.lost,
                "latency_p95_ms": percentile(self.event_latencies_ms, 95),
            },
            "memory": memory,
        }


def percentile(values: array[float], percent: float) -> float | None:
    """Return the nearest-rank percentile, or None of nothing."""
    if not values:
        return None
    ordered = sorted(values)
    return round(ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)], 3)
