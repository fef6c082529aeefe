"""The report of a load test that everything is right with, by the strategy's policy."""

from __future__ import annotations

from typing import Any

SOCKETS: dict[str, Any] = {
    "connects": 3600,
    "connect_failures": 0,
    "events": 21600,
    "lost": 0,
    "latency_p95_ms": 20.0,
}
MEMORY: dict[str, Any] = {
    "instances": [
        {
            "started_at": 1767225600.0,
            "at_seconds": [15.0 * n for n in range(240)],
            "resident_bytes": [125829120 + 4096 * (n % 3) for n in range(240)],
        }
    ]
}
GENERATOR: dict[str, Any] = {
    "peak_users": 150,
    "full_load_seconds": 3597,
    "least_requests_of_a_user": 2300,
    "cpu_percent": 40.0,
    "lateness_p95_ms": 4.0,
}
REPORT: dict[str, Any] = {
    "users": 150,
    "duration_seconds": 3600,
    "requests": 360000,
    "failures": 100,
    "latency_p50_ms": 6.0,
    "latency_p95_ms": 30.0,
    "endpoints": {"/v1/token": {"requests": 14000, "failures": 0}},
    "cost_reduction_percent": 20.0,
    "token_reduction_percent": 20.0,
    "cost_accuracy_percent": 100.0,
    "cost_tracking": {"checked": 20000, "wrong": 0},
    "isolation": {"checked": 300000, "breaches": 0},
    "websocket": SOCKETS,
    "memory": MEMORY,
    "generator": GENERATOR,
}
