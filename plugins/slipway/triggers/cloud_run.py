"""Triggers that wait for Cloud Run, so that no worker does.

They only read: what follows is for the task to decide. So they can be started again at any moment.
"""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from slipway.exceptions import CloudRunError
from slipway.hooks.cloud_run.address import ServiceAddress

if TYPE_CHECKING:
    from slipway.hooks.cloud_run.hook import CloudRunTrafficHook

PENDING = "pending"
SUCCESS, TIMEOUT = "success", "timeout"


class CloudRunTrigger(BaseTrigger):
    """Base of the triggers that read Cloud Run until it is as a step needs it, or the time is over.

    :param services: ``project_id``, ``location`` and ``service`` of each, and what is awaited of it.
    :param until: ISO moment at which the wait is over.
    :param poll_seconds: time between two reads.
    :param gcp_conn_id: connection to Google Cloud.
    """

    def __init__(
        self, *, services: Sequence[Mapping[str, Any]], until: str, poll_seconds: float, gcp_conn_id: str
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.services = [dict(service) for service in services]
        self.until = until
        self.poll_seconds = poll_seconds
        self.gcp_conn_id = gcp_conn_id

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class path and the arguments that make the same trigger again."""
        names = ("services", "until", "poll_seconds", "gcp_conn_id")
        return f"{type(self).__module__}.{type(self).__qualname__}", {
            name: getattr(self, name) for name in names
        }

    @abstractmethod
    def state(self, hook: CloudRunTrafficHook, address: ServiceAddress, awaited: Mapping[str, Any]) -> str:
        """Read one service; return ``pending`` to read it again.

        :param hook: Cloud Run hook of the calling thread.
        :param address: where the service is.
        :param awaited: what is awaited of it.
        """

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Yield one event: ``status`` ``success`` or ``timeout``, and the ``states`` by service."""
        from slipway.hooks.cloud_run.hook import CloudRunTrafficHook

        hook = CloudRunTrafficHook(gcp_conn_id=self.gcp_conn_id)
        until = datetime.fromisoformat(self.until)
        states: dict[str, str] = {}
        while True:
            for service in self.services:
                if states.get(service["service"], PENDING) == PENDING:
                    states[service["service"]] = await self._state(hook, service)
            if PENDING not in states.values() or datetime.now(UTC) >= until:
                break
            await asyncio.sleep(self.poll_seconds)
        status = TIMEOUT if PENDING in states.values() else SUCCESS
        yield TriggerEvent({"status": status, "states": states})  # type: ignore[no-untyped-call]

    async def _state(self, hook: CloudRunTrafficHook, service: Mapping[str, Any]) -> str:
        address = ServiceAddress(service["project_id"], service["location"], service["service"])
        try:
            return await hook.call_async(lambda twin: self.state(twin, address, service))
        except CloudRunError as error:
            # Not seen is not decided: the next read may see it, and the task reads for itself in the end.
            self.log.warning("Service %s cannot be read: %s", address, error)
            return PENDING


class RevisionsReadyTrigger(CloudRunTrigger):
    """Waits until Cloud Run has decided whether each ``revision`` is ``ready`` or ``failed``."""

    def state(self, hook: CloudRunTrafficHook, address: ServiceAddress, awaited: Mapping[str, Any]) -> str:
        """Return whether the revision can serve."""
        return hook.get_readiness(address, awaited["revision"]).state


class TrafficSettledTrigger(CloudRunTrigger):
    """Waits until every one of some services reports its ``split`` as the one that is served."""

    def state(self, hook: CloudRunTrafficHook, address: ServiceAddress, awaited: Mapping[str, Any]) -> str:
        """Return ``served`` or ``pending``."""
        from slipway.hooks.cloud_run.hook import serving_split

        return "served" if serving_split(hook.get_service(address)) == awaited["split"] else PENDING


class InstancesReadyTrigger(CloudRunTrigger):
    """Waits until every one of some revisions (``revision``) has its minimum of ``instances``."""

    def state(self, hook: CloudRunTrafficHook, address: ServiceAddress, awaited: Mapping[str, Any]) -> str:
        """Return ``ready``, ``pending``, or ``unreported`` when Cloud Run does not count the instances."""
        from slipway.hooks.cloud_run.hook import minimum_instances

        ready = minimum_instances(hook.get_revision(address, awaited["revision"]))
        if ready is None:
            return "unreported"
        return "ready" if ready >= awaited["instances"] else PENDING
