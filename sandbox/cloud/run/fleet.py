"""The instances of one revision: started, supervised, restarted, drained."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from sandbox.cloud.data_plane.proxy import DataPlane
from sandbox.cloud.run.conditions import ABORTED, Failure
from sandbox.cloud.run.container import NotStartedError
from sandbox.cloud.run.instance import Instance

_FIRST_BACKOFF_SECONDS = 0.2
_LONGEST_BACKOFF_SECONDS = 10.0
_STABLE_SECONDS = 30.0
_DRAIN_POLL_SECONDS = 0.2

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class FleetLimits:
    """Bounds of a fleet's waits, in seconds, and of its work.

    :param start: an instance's health check must succeed within this.
    :param drain: requests and WebSockets of a revision without traffic may go on for this long.
    :param grace: an instance may take this long to end when asked to.
    :param concurrency: requests and WebSockets that an instance has at a time, at most.
    """

    start: float
    drain: float
    grace: float
    concurrency: int


class Fleet:
    """Keeps a fixed number of instances of one revision running while the revision is in use.

    :param owner: full name of the revision.
    :param count: how many instances.
    :param launch: starts instance number n (0..count-1); raises ``NotStartedError``.
    :param data_plane: HAProxy in front of the instances.
    :param limits: bounds of waits and work.
    """

    def __init__(
        self,
        owner: str,
        count: int,
        launch: Callable[[int], Awaitable[Instance]],
        data_plane: DataPlane,
        limits: FleetLimits,
    ) -> None:
        self.owner = owner
        self._count = count
        self._launch = launch
        self._data_plane = data_plane
        self._limits = limits
        self._grace = limits.grace
        self._serving: list[Instance] = []
        self._keepers: list[asyncio.Task[None]] = []
        self._starting: asyncio.Task[None] | None = None
        self._retiring: asyncio.Task[None] | None = None

    @property
    def serving(self) -> list[Instance]:
        """Instances that are ready."""
        return list(self._serving)

    @property
    def active(self) -> bool:
        """Whether instances run or are being started, draining ones included."""
        return bool(self._keepers)

    @property
    def slot(self) -> int:
        """The revision's slot in the data plane."""
        return self._data_plane.slot(self.owner)

    async def activate(self) -> None:
        """Return once all instances are ready and in the data plane.

        :raises NotStartedError: an instance did not become ready; then none is left running.
        """
        if self._retiring is not None:
            self._retiring.cancel()
            self._retiring = None
        if self._starting is None:
            self._starting = asyncio.create_task(self._start_all())
        await asyncio.shield(self._starting)

    def retire(self) -> None:
        """Let what is under way finish, then stop all instances; ``activate`` calls this off."""
        if self.active and self._retiring is None:
            self._retiring = asyncio.create_task(self._drain_and_stop())
            self._retiring.add_done_callback(self._retired)

    async def stop(self, grace: float | None = None) -> None:
        """Stop all instances now.

        :param grace: how long an instance may take to end when asked to; the fleet's limit when None.
        """
        self._grace = self._limits.grace if grace is None else grace
        await self._end(self._detach())

    def _detach(self) -> list[asyncio.Task[None]]:
        """Take the keepers away at once, so that an ``activate`` from here on starts new ones."""
        keepers, self._keepers, self._starting = self._keepers, [], None
        return keepers

    async def _end(self, keepers: list[asyncio.Task[None]]) -> None:
        for keeper in keepers:
            keeper.cancel()
        await asyncio.gather(*keepers, return_exceptions=True)
        if not self.active:
            self._data_plane.release(self.owner)

    async def _start_all(self) -> None:
        started: list[asyncio.Future[None]] = []
        for number in range(self._count):
            ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            keeper = asyncio.create_task(self._keep(number, ready), name=f"{self.owner}#{number}")
            keeper.add_done_callback(_report)
            started.append(ready)
            self._keepers.append(keeper)
        try:
            await asyncio.gather(*started)
        except NotStartedError:
            await self._end(self._detach())
            raise

    async def _keep(self, number: int, ready: asyncio.Future[None]) -> None:
        """Start an instance, again and again; the first failure is the revision's."""
        try:
            await self._serve_for_ever(number, ready)
        except NotStartedError as error:
            ready.set_exception(error)
        finally:
            if not ready.done():
                ready.set_exception(NotStartedError(Failure(ABORTED, "Stopped while it was starting.")))

    async def _serve_for_ever(self, number: int, ready: asyncio.Future[None]) -> None:
        backoff = _FIRST_BACKOFF_SECONDS
        loop = asyncio.get_running_loop()
        while True:
            begun = loop.time()
            try:
                await self._serve_once(number, ready)
            except NotStartedError as error:
                if not ready.done():
                    raise
                _log.warning("%s instance %d was not restarted: %s", self.owner, number, error)
            if loop.time() - begun > _STABLE_SECONDS:
                backoff = _FIRST_BACKOFF_SECONDS
            await asyncio.sleep(backoff)
            backoff = min(backoff * 2, _LONGEST_BACKOFF_SECONDS)

    async def _serve_once(self, number: int, ready: asyncio.Future[None]) -> None:
        """Run one instance until it ends by itself."""
        instance = await self._launch(number)
        try:
            await instance.ready(self._limits.start)
            server = await self._data_plane.add_server(
                self.slot, instance.port, self._limits.concurrency, self._limits.drain
            )
            self._serving.append(instance)
            if not ready.done():
                ready.set_result(None)
            try:
                code = await instance.exited()
                _log.warning("%s ended with code %d; it will be restarted", instance.name, code)
            finally:
                self._serving.remove(instance)
                await self._data_plane.remove_server(server)
        finally:
            await asyncio.shield(instance.stop(self._grace))

    async def _drain_and_stop(self) -> None:
        try:
            async with asyncio.timeout(self._limits.drain):
                await self._drained()
        except TimeoutError:
            _log.warning("%s: requests still open after %g s are cut", self.owner, self._limits.drain)
        # From here on it cannot be called off: an activation starts new instances beside the ending ones.
        await asyncio.shield(self._end(self._detach()))
        _log.info("%s: drained and stopped", self.owner)

    async def _drained(self) -> None:
        while True:
            if not await self._data_plane.sessions(self.slot):
                return
            await asyncio.sleep(_DRAIN_POLL_SECONDS)

    def _retired(self, task: asyncio.Task[None]) -> None:
        if self._retiring is task:
            self._retiring = None
        _report(task)


def _report(task: asyncio.Task[None]) -> None:
    """Log what a task that nobody awaits ended with."""
    if not task.cancelled() and task.exception() is not None:
        _log.error("%s: %r", task.get_name(), task.exception())
