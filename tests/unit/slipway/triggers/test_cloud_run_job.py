"""The trigger of a job's execution: it waits for the end, for what is lost, or for its time."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from slipway.exceptions import CloudRunError
from slipway.hooks.cloud_run import jobs
from slipway.hooks.cloud_run.jobs import ExecutionFacts
from slipway.triggers.cloud_run_job import CloudRunJobTrigger

NAME = "projects/p/locations/l/jobs/load/executions/load-x"
RUNS = ExecutionFacts(done=False, tasks=1, succeeded=0, failed=0, cancelled=0, retried=0, message="")
DONE = replace(RUNS, done=True, succeeded=1)


def reads_left(monkeypatch: pytest.MonkeyPatch, *reads: Any, seconds: float = 60) -> list[Any]:
    """Run the trigger over some reads; return those that it did not make."""
    left = list(reads)

    class Scripted:
        def read(self, execution: str) -> Any:
            assert execution == NAME
            found = left.pop(0)
            if isinstance(found, Exception):
                raise found
            return found

        def close(self) -> None:
            pass

    monkeypatch.setattr(jobs, "CloudRunJobHook", lambda **_: Scripted())
    trigger = CloudRunJobTrigger(
        execution=NAME,
        until=(datetime.now(UTC) + timedelta(seconds=seconds)).isoformat(),
        poll_seconds=0.001,
        gcp_conn_id="google_cloud_default",
    )

    async def only() -> Any:
        (found,) = [found async for found in trigger.run()]
        return found.payload

    assert asyncio.run(only()) == {"execution": NAME}
    return left


def test_it_waits_until_the_execution_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    assert reads_left(monkeypatch, RUNS, RUNS, DONE, RUNS) == [RUNS]


def test_an_execution_that_is_gone_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    assert reads_left(monkeypatch, RUNS, None, RUNS) == [RUNS]


def test_what_cannot_be_read_is_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    assert reads_left(monkeypatch, CloudRunError("503"), DONE) == []


def test_it_ends_when_its_time_is_over_and_only_after_a_last_look(monkeypatch: pytest.MonkeyPatch) -> None:
    assert reads_left(monkeypatch, RUNS, RUNS, seconds=-1) == [RUNS]


def test_it_is_made_again_of_what_it_serializes() -> None:
    trigger = CloudRunJobTrigger(execution=NAME, until="2026-03-02", poll_seconds=5, gcp_conn_id="g")
    path, arguments = trigger.serialize()
    assert path == "slipway.triggers.cloud_run_job.CloudRunJobTrigger"
    assert CloudRunJobTrigger(**arguments).serialize() == (path, arguments)
