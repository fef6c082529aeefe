"""The trigger that waits for new revisions, so that no worker does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from slipway.exceptions import CloudRunError
from slipway.hooks.cloud_run.address import ServiceAddress


class RevisionsReadyTrigger(BaseTrigger):
    """Waits until Cloud Run has decided on every one of some revisions, or the time is over.

    It only looks: what follows is for the task to say. So it can be started again at any moment.

    :param revisions: ``project_id``, ``location``, ``service`` and ``revision`` of each.
    :param until: ISO moment at which the wait is over.
    :param poll_seconds: time between two looks.
    :param gcp_conn_id: connection to Google Cloud.
    """

    def __init__(
        self,
        *,
        revisions: Sequence[Mapping[str, str]],
        until: str,
        poll_seconds: float,
        gcp_conn_id: str,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.revisions = [dict(revision) for revision in revisions]
        self.until = until
        self.poll_seconds = poll_seconds
        self.gcp_conn_id = gcp_conn_id

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class path and the arguments that make the same trigger again."""
        names = ("revisions", "until", "poll_seconds", "gcp_conn_id")
        return f"{type(self).__module__}.{type(self).__qualname__}", {
            name: getattr(self, name) for name in names
        }

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Yield one event: per revision ``ready``, ``failed`` or ``pending``."""
        from slipway.hooks.cloud_run.hook import CloudRunTrafficHook

        hook = CloudRunTrafficHook(gcp_conn_id=self.gcp_conn_id)
        until = datetime.fromisoformat(self.until)
        states: dict[str, str] = {}
        while True:
            for revision in self.revisions:
                if states.get(revision["revision"], "pending") == "pending":
                    states[revision["revision"]] = await self._state(hook, revision)
            if "pending" not in states.values() or datetime.now(UTC) >= until:
                break
            await asyncio.sleep(self.poll_seconds)
        yield TriggerEvent(states)  # type: ignore[no-untyped-call]

    async def _state(self, hook: Any, revision: Mapping[str, str]) -> str:
        try:
            address = ServiceAddress(revision["project_id"], revision["location"], revision["service"])
            seen = await hook.call_async(lambda twin: twin.get_readiness(address, revision["revision"]))
            return str(seen.state)
        except CloudRunError as error:
            # Not seen is not decided: the next look may see it, and the task sees for itself in the end.
            self.log.warning("revision %s: %s", revision["revision"], error)
            return "pending"
