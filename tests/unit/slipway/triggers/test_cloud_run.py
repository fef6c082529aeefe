"""The triggers of Cloud Run: what they read, when they end, and what they say of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from google.cloud import run_v2
from slipway.exceptions import CloudRunError
from slipway.hooks.cloud_run import hook as cloud_run
from slipway.triggers.cloud_run import (
    CloudRunTrigger,
    InstancesReadyTrigger,
    RevisionsReadyTrigger,
    TrafficSettledTrigger,
)


def service(**split: int) -> run_v2.Service:
    statuses = [run_v2.TrafficTargetStatus(revision=name, percent=share) for name, share in split.items()]
    return run_v2.Service(traffic_statuses=statuses)


def revision(ready: int | None) -> run_v2.Revision:
    if ready is None:
        return run_v2.Revision()
    return run_v2.Revision(scaling_status=run_v2.RevisionScalingStatus(desired_min_instance_count=ready))


class Scripted:
    """A hook whose reads of each service are written down before; an error among them is raised."""

    def __init__(self, reads: dict[str, list[Any]]) -> None:
        self.reads = reads

    async def call_async(self, call: Callable[[Any], str]) -> str:
        return call(self)

    def get_service(self, address: Any, *_: Any) -> Any:
        read = self.reads[address.service].pop(0)
        if isinstance(read, Exception):
            raise read
        return read

    get_revision = get_service
    get_readiness = get_service


def event(
    monkeypatch: pytest.MonkeyPatch,
    kind: type[CloudRunTrigger],
    awaited: dict[str, Any],
    reads: dict[str, list[Any]],
    *,
    seconds: float = 60,
) -> dict[str, Any]:
    """Run a trigger over some reads of its services; return its event."""
    monkeypatch.setattr(cloud_run, "CloudRunTrafficHook", lambda **_: Scripted(reads))
    trigger = kind(
        services=[{"project_id": "p", "location": "l", "service": name, **awaited} for name in reads],
        until=(datetime.now(UTC) + timedelta(seconds=seconds)).isoformat(),
        poll_seconds=0.001,
        gcp_conn_id="google_cloud_default",
    )

    async def only() -> Any:
        (found,) = [found async for found in trigger.run()]
        return found.payload

    payload: dict[str, Any] = asyncio.run(only())
    return payload


def test_traffic_is_awaited_through_an_outage_until_every_service_serves_its_split(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    there, before = service(a=90, b=10), service(a=100)
    awaited = {"split": {"a": 90, "b": 10}}
    reads: dict[str, list[Any]] = {"web": [before, CloudRunError("503"), there], "auth": [there]}
    assert event(monkeypatch, TrafficSettledTrigger, awaited, reads) == {
        "status": "success",
        "states": {"web": "served", "auth": "served"},
    }


def test_the_wait_is_over_at_its_moment_and_says_who_is_pending(monkeypatch: pytest.MonkeyPatch) -> None:
    reads = {"web": [service(a=100)], "auth": [service(a=90, b=10)]}
    found = event(monkeypatch, TrafficSettledTrigger, {"split": {"a": 90, "b": 10}}, reads, seconds=-1)
    assert found == {"status": "timeout", "states": {"web": "pending", "auth": "served"}}


@pytest.mark.parametrize(("ready", "state"), [(2, "ready"), (3, "ready"), (None, "unreported")])
def test_instances_are_awaited_unless_they_are_not_reported(
    ready: int | None, state: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads = {"web": [revision(1 if ready else None), revision(ready)]}
    found = event(monkeypatch, InstancesReadyTrigger, {"revision": "web-b", "instances": 2}, reads)
    assert found == {"status": "success", "states": {"web": state}}


def test_a_revision_that_failed_is_not_awaited_any_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    states = [SimpleNamespace(state=state) for state in ("pending", "failed")]
    found = event(monkeypatch, RevisionsReadyTrigger, {"revision": "web-b"}, {"web": states})
    assert found == {"status": "success", "states": {"web": "failed"}}
