"""The trigger that waits for an execution of a Cloud Run job, so that no worker does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from slipway.exceptions import CloudRunError


class CloudRunJobTrigger(BaseTrigger):
    """Waits until an execution is over, or lost.

    It only reads, and knows the execution by its name: a restarted triggerer waits for the same one.

    :param execution: full name of the execution.
    :param until: ISO moment at which the wait is over.
    :param poll_seconds: time between two reads.
    :param gcp_conn_id: connection to Google Cloud.
    """

    def __init__(self, *, execution: str, until: str, poll_seconds: float, gcp_conn_id: str) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.execution = execution
        self.until = until
        self.poll_seconds = poll_seconds
        self.gcp_conn_id = gcp_conn_id

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class path and the arguments that make the same trigger again."""
        names = ("execution", "until", "poll_seconds", "gcp_conn_id")
        return f"{type(self).__module__}.{type(self).__qualname__}", {
            name: getattr(self, name) for name in names
        }

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Yield one event, with the name of the ``execution``: the task reads for itself how it ended."""
        until = datetime.fromisoformat(self.until)
        while True:
            runs = await asyncio.to_thread(self._runs)
            if not runs or datetime.now(UTC) >= until:
                break
            await asyncio.sleep(self.poll_seconds)
        yield TriggerEvent({"execution": self.execution})  # type: ignore[no-untyped-call]

    def _runs(self) -> bool:
        from slipway.hooks.cloud_run.jobs import CloudRunJobHook

        with closing(CloudRunJobHook(gcp_conn_id=self.gcp_conn_id)) as hook:
            try:
                found = hook.read(self.execution)
            except CloudRunError as error:
                # Not seen is not decided: the next read may see it.
                self.log.warning("Execution %s: %s", self.execution, error)
                return True
        return found is not None and not found.done
