"""What a phase is going to get is read from what is served now."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import pytest
from slipway.analysis.counts import Counts
from slipway.analysis.verdict import Verdict
from slipway.hooks.metrics.promql import Sample
from slipway.ledger.chain import Record
from slipway.ledger.entries import DetectionPowerForecast, GateDecided
from slipway.ledger.timeline import rollback_reason
from slipway.policy.release import load_policy
from slipway.release.served_traffic import ServedTraffic, read_traffic

from tests.fake_ledger import record_of

CANARY, STABLE = "web-2", "web-1"


class Door:
    """Counters that grow by a fixed number a second, at the stable revision only."""

    def __init__(self, per_second: Mapping[str, float]) -> None:
        self.per_second = per_second

    async def aquery(self, expr: str, time: float) -> list[Sample]:
        rate = next((rate for part, rate in self.per_second.items() if part in expr), 0.0)
        return [Sample({"revision_name": STABLE}, rate * time, time)]


def release() -> Any:
    policy = load_policy("release.yaml")
    service = SimpleNamespace(names={"production": "web"}, revisions={"production": CANARY})
    return SimpleNamespace(
        policy=policy, plan=SimpleNamespace(progressive=service), stable={"web": {STABLE: 100}}
    )


@pytest.mark.asyncio
async def test_the_traffic_of_the_last_minutes_is_what_the_phase_gets_its_share_of() -> None:
    door = Door({'response_code=~"429|5.."': 0.02, "request_count": 20.0})
    served = await read_traffic(door, release(), until=10_000)  # type: ignore[arg-type]
    assert served.seconds == 600
    assert served.counts["error_rate"] == Counts(12_000, 12, 12)
    assert served.expected(10)["error_rate"] == pytest.approx(2.0)
    assert served.healthy["error_rate"] == pytest.approx(12.5 / 12_001)


def test_what_nobody_asked_for_is_not_expected() -> None:
    served = ServedTraffic({"error_rate": Counts(), "latency_p95": Counts(60, 0, 0)}, 60)
    assert served.expected(50) == {"latency_p95": 0.5}


def test_a_held_phase_is_the_reason_of_the_rollback() -> None:
    def recorded(action: str) -> Record:
        reason = "caught with 80 % probability: nothing"
        return record_of(
            GateDecided(phase="preparation", verdict=Verdict.PROMOTE, reason="all well"),
            DetectionPowerForecast(phase="canary", action=action, reason=reason, seconds=40),
        )

    assert rollback_reason(recorded("hold")) == (
        "canary: not started, it cannot see the trigger: caught with 80 % probability: nothing"
    )
    assert rollback_reason(recorded("extend")).startswith("a task failed or was stopped")


@pytest.mark.asyncio
async def test_a_stable_revision_seen_late_is_not_the_traffic_of_a_moment() -> None:
    class Late(Door):
        async def aquery(self, expr: str, time: float) -> list[Sample]:
            old = 241_800 + time / 600 if "request_count" in expr else 0.0
            return [] if time <= 9_400 else [Sample({"revision_name": STABLE}, old, time)]

    served = await read_traffic(Late({}), release(), until=10_000)  # type: ignore[arg-type]
    assert served.expected(100)["error_rate"] == pytest.approx(1 / 600, rel=0.3)
