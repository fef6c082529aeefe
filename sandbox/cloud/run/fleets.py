"""Which revision runs where: one fleet per revision that was ever needed."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from sandbox.cloud.data_plane.proxy import DataPlane
from sandbox.cloud.run import container
from sandbox.cloud.run.conditions import FAILED_PRECONDITION, Failure, Reason
from sandbox.cloud.run.container import ImageConfig, NotStartedError, SecretResolver
from sandbox.cloud.run.fleet import Fleet, FleetLimits
from sandbox.cloud.run.instance import Instance
from sandbox.cloud.run.instance_ports import InstancePorts
from sandbox.cloud.run.limits import MAX_INSTANCES
from sandbox.cloud.run.names import ServiceName, short
from sandbox.cloud.run.prefork import Prefork
from sandbox.supervisor.settings import Settings


@dataclass(frozen=True)
class Platform:
    """What every instance is started with.

    :param image: finds the config of an image reference; None when there is no such image.
    :param prefork: where instances are forked from.
    :param start_seconds: bound of an instance's start.
    :param grace_seconds: how long an instance may take to end when asked to.
    """

    settings: Settings
    image: Callable[[str], ImageConfig | None]
    secrets: SecretResolver
    data_plane: DataPlane
    prefork: Prefork
    start_seconds: float = 20.0
    grace_seconds: float = 10.0


class Fleets:
    """Makes and finds the revisions' fleets."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._ports = InstancePorts(platform.settings.instance_ports)
        self._fleets: dict[str, Fleet] = {}

    def of(self, revision: Any) -> Fleet:
        """Fleet of a revision, made on the first call; the image is resolved then and never again.

        :param revision: the revision.
        :raises NotStartedError: its image does not exist.
        """
        if revision.name not in self._fleets:
            self._fleets[revision.name] = self._make(revision)
        return self._fleets[revision.name]

    def active(self, service: str = "") -> list[Fleet]:
        """Fleets of a service (of all when empty) that have instances."""
        prefix = f"{service}/revisions/" if service else ""
        return [f for name, f in self._fleets.items() if name.startswith(prefix) and f.active]

    def memory_in_use(self) -> Iterator[tuple[str, float]]:
        """Yield, per ready instance, its revision and its resident memory as a part of its limit."""
        for fleet in self.active():
            for instance in fleet.serving:
                resident = instance.resident_bytes()
                if resident is not None:
                    yield fleet.owner, resident / instance.memory_limit

    def serving(self, revision: str) -> int:
        """How many instances of a revision are ready.

        :param revision: its full name.
        """
        fleet = self._fleets.get(revision)
        return 0 if fleet is None else len(fleet.serving)

    async def stop(self, resource: str = "", grace: float | None = None) -> None:
        """Stop instances without waiting for their requests, and forget their fleets.

        :param resource: full name of a service or of a revision; everything when empty.
        :param grace: how long an instance may take to end when asked to; the usual time when None.
        """
        names = [n for n in self._fleets if not resource or n == resource or n.startswith(f"{resource}/")]
        await asyncio.gather(*(self._fleets[name].stop(grace) for name in names))
        for name in names:
            del self._fleets[name]

    def _make(self, revision: Any) -> Fleet:
        reference = revision.containers[0].image
        image = self._platform.image(reference)
        if image is None:
            message = f"Image '{reference}' not found."
            raise NotStartedError(Failure(FAILED_PRECONDITION, message, Reason.CONTAINER_MISSING))
        count = max(1, revision.scaling.min_instance_count)
        most = max(count, revision.scaling.max_instance_count or MAX_INSTANCES)
        limits = FleetLimits(
            start=self._platform.start_seconds,
            drain=revision.timeout.total_seconds(),
            grace=self._platform.grace_seconds,
            # no instance comes with the load: those that run take the requests of all that may run
            concurrency=math.ceil(revision.max_instance_request_concurrency * most / count),
        )

        async def launch(number: int) -> Instance:
            return await self._launch(revision, image, number)

        return Fleet(revision.name, count, launch, self._platform.data_plane, limits)

    async def _launch(self, revision: Any, image: ImageConfig, number: int) -> Instance:
        settings = self._platform.settings
        port = self._ports.take()
        environment = container.environment(revision, image, self._platform.secrets, settings, port)
        name = f"{short(revision.name)}-{number}"
        log = settings.logs / f"{ServiceName.parse(revision.name).project}.{name}.log"
        line = container.arguments(revision.containers[0], image)
        limit = container.memory_limit(revision.containers[0])
        prefork = self._platform.prefork
        return await Instance.start(name, port, limit, line, environment, log, settings.home, prefork)
