"""The trigger of Cloud SQL's operations: what it reads, and what it says of it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from slipway.exceptions import BackupFailed
from slipway.hooks import cloud_sql
from slipway.hooks.cloud_sql import SqlOperation
from slipway.triggers.cloud_sql import CloudSqlOperationTrigger


def operation(status: str, error: str = "") -> SqlOperation:
    return SqlOperation("operation-1", "BACKUP_VOLUME", status, error, "7")


class Scripted:
    """A hook whose reads are written down before; an error among them is raised."""

    def __init__(self, reads: Iterable[Any]) -> None:
        self.reads = iter(reads)

    def read_operation(self, **_: Any) -> Any:
        read = next(self.reads)
        if isinstance(read, Exception):
            raise read
        return read

    read_operations = read_operation

    def close(self) -> None:
        pass


def event(
    monkeypatch: pytest.MonkeyPatch, *reads: Any, name: str | None = "operation-1", seconds: float = 60
) -> dict[str, Any]:
    """Run the trigger over some reads; return its event."""
    hook = Scripted(reads)
    monkeypatch.setattr(cloud_sql, "CloudSqlBackupHook", lambda **_: hook)
    trigger = CloudSqlOperationTrigger(
        project_id="p",
        instance="i",
        operation=name,
        until=(datetime.now(UTC) + timedelta(seconds=seconds)).isoformat(),
        poll_seconds=0.001,
        gcp_conn_id="google_cloud_default",
    )

    async def only() -> Any:
        (found,) = [found async for found in trigger.run()]
        return found.payload

    payload: dict[str, Any] = asyncio.run(only())
    return payload


def test_an_operation_is_awaited_through_an_outage(monkeypatch: pytest.MonkeyPatch) -> None:
    found = event(monkeypatch, operation("RUNNING"), BackupFailed("503"), operation("DONE"))
    assert found == {"status": "success", "operation": "operation-1", "message": ""}


def test_an_operation_that_fails_is_an_error_with_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    assert event(monkeypatch, operation("DONE", "disk full")) == {
        "status": "error",
        "operation": "operation-1",
        "message": "disk full",
    }


def test_the_wait_is_over_at_its_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    found = event(monkeypatch, operation("RUNNING"), seconds=-1)
    assert (found["status"], found["message"]) == ("timeout", "operation operation-1 is RUNNING")


def test_a_lost_operation_is_looked_up_by_the_task(monkeypatch: pytest.MonkeyPatch) -> None:
    assert event(monkeypatch, None)["status"] == "success"


def test_a_free_instance_that_accepts_no_request_is_not_asked_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = event(monkeypatch, [operation("DONE")], name=None, seconds=-1)
    assert (found["status"], found["message"]) == (
        "timeout",
        "the instance is free, and Cloud SQL accepted no request",
    )


def test_a_busy_instance_is_awaited(monkeypatch: pytest.MonkeyPatch) -> None:
    busy, free = [operation("RUNNING")], [operation("DONE")]
    found = event(monkeypatch, busy, free, name=None)
    assert found == {"status": "success", "operation": None, "message": ""}
