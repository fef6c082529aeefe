"""Carries accepted changes out: starts revisions, then moves traffic to them, then lets unused ones go."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
from collections import Counter, defaultdict
from collections.abc import Callable, Coroutine, Iterable
from typing import Any

from google.longrunning import operations_pb2

from sandbox.cloud.data_plane.haproxy_config import CLOSED
from sandbox.cloud.data_plane.haproxy_socket import DataPlaneError
from sandbox.cloud.data_plane.proxy import DataPlane
from sandbox.cloud.data_plane.traffic_log import TrafficLog
from sandbox.cloud.operations import OperationStore
from sandbox.cloud.run import routing_plan
from sandbox.cloud.run.conditions import INTERNAL, Failure
from sandbox.cloud.run.container import NotStartedError
from sandbox.cloud.run.fleets import Fleets
from sandbox.cloud.run.names import ServiceName, short
from sandbox.cloud.run.routing_plan import RoutingPlan, UnroutableError
from sandbox.cloud.run.services import Accepted, ServiceStore
from sandbox.cloud.run.urls import Urls

_log = logging.getLogger(__name__)


class Reconciler:
    """Makes the world what the service store wants.

    Every operation runs on its own, so that a shift of traffic never waits for a deployment; only the
    exchange of a service's routes is one at a time, and it always applies the newest wish.

    :param store: the services and their revisions.
    :param operations: the long-running operations.
    :param fleets: the instances of each revision.
    :param data_plane: HAProxy in front of the instances.
    :param urls: the URLs of services and tags.
    :param traffic_log: record of every split.
    :param save: called after every change of state that a restart must know.
    """

    def __init__(
        self,
        store: ServiceStore,
        operations: OperationStore,
        fleets: Fleets,
        data_plane: DataPlane,
        urls: Urls,
        traffic_log: TrafficLog,
        save: Callable[[], None],
    ) -> None:
        self._store = store
        self._operations = operations
        self._fleets = fleets
        self._data_plane = data_plane
        self._urls = urls
        self._traffic_log = traffic_log
        self._save = save
        self._routing: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._held: Counter[str] = Counter()
        self._tasks: set[asyncio.Task[None]] = set()

    def deploy(self, accepted: Accepted) -> operations_pb2.Operation:
        """Begin to carry out a created or updated service.

        :param accepted: the change that was accepted.
        :return: the operation, which ends when it is done or failed.
        """
        if not accepted.only_validated:
            name = accepted.service.name
            self._store.addressed(name, self._urls.url(name))
            accepted = dataclasses.replace(accepted, service=self._store.service(name))
        revisions = [accepted.revision] if accepted.revision else []
        return self._begin(accepted, lambda name: self._realise(name, revisions))

    def instances(self, revision: Any) -> int:
        """How many instances of a revision are ready."""
        return self._fleets.serving(revision.name)

    async def delete_revision(self, revision: Any, only_validated: bool) -> operations_pb2.Operation:
        """Stop what a deleted revision may still run."""
        if not only_validated:
            await self._fleets.stop(revision.name)
            self._save()
        return self._operations.done(ServiceName.parse(revision.name).parent, revision)

    def delete(self, accepted: Accepted) -> operations_pb2.Operation:
        """Begin to take a service away."""
        return self._begin(accepted, self._take_away)

    async def resume(self) -> None:
        """After a restart: bring every service back, and end the operations that were under way."""
        names = [service.name for service in self._store.services()]
        await asyncio.gather(*(self._resume(name) for name in names))

    async def stop(self) -> None:
        """Stop working; what is unfinished stays so until ``resume``."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _begin(
        self, accepted: Accepted, work: Callable[[str], Coroutine[Any, Any, Failure | None]]
    ) -> operations_pb2.Operation:
        service = accepted.service
        parent = ServiceName.parse(service.name).parent
        if accepted.only_validated:
            return self._operations.done(parent, service)
        operation = self._operations.begin(parent, service)
        self._save()
        task = asyncio.create_task(self._carry_out([operation.name], service, work), name=operation.name)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return operation

    async def _carry_out(
        self,
        operations: list[str],
        service: Any,
        work: Callable[[str], Coroutine[Any, Any, Failure | None]],
    ) -> None:
        try:
            failure = await work(service.name)
        except (DataPlaneError, OSError, RuntimeError) as error:
            _log.exception("%s", service.name)
            failure = Failure(INTERNAL, f"Internal error: {error}")
        if failure is not None:
            _log.warning("%s: %s", service.name, failure.message)
        if self._store.exists(service.name):
            self._store.settled(service.name, failure)
            service = self._store.service(service.name)
        for name in operations:
            self._operations.end(name, service, failure)
        self._save()

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            _log.error("operation %s", task.get_name(), exc_info=error)
            self._operations.abandon(task.get_name(), Failure(INTERNAL, f"Internal error: {error!r}"))

    async def _resume(self, name: str) -> None:
        service = self._store.service(name)
        unfinished = [r.name for r in self._store.revisions(name) if r.reconciling]
        operations = self._operations.unfinished(name)
        if service.delete_time:
            await self._carry_out(operations, service, self._take_away)
        else:
            await self._carry_out(operations, service, lambda name: self._realise(name, unfinished))

    async def _realise(self, name: str, new_revisions: list[str]) -> Failure | None:
        """Bring new revisions up, then give the service the traffic that is wanted now."""
        self._held.update(new_revisions)
        try:
            for revision in new_revisions:
                await self._bring_up(revision)
            await self._route(name)
        except UnroutableError as error:
            return error.failure
        finally:
            self._held.subtract(new_revisions)
            self._let_unused_go(name)
        return None

    async def _bring_up(self, name: str) -> None:
        try:
            await self._start(name)
        except UnroutableError as error:
            self._store.revision_settled(name, error.cause)
            raise
        self._store.revision_settled(name, None)

    async def _route(self, name: str) -> None:
        """Apply a service's traffic: what gets requests first, what is only tagged as soon as it is ready.

        :raises UnroutableError: a revision named does not exist or is not ready.
        """
        while True:
            plan = self._plan(name)
            await self._activate(name, plan.split)
            async with self._routing[name]:
                if self._plan(name) != plan:
                    continue
                await self._apply_split(plan)
            await self._activate(name, plan.tags.values())
            async with self._routing[name]:
                if self._plan(name) != plan:
                    continue
                await self._apply_tags(plan)
                self._store.routed(name, plan.statuses(lambda tag: self._tag_url(name, tag)))
                return

    def _tag_url(self, service: str, tag: str) -> str:
        disabled = self._store.service(service).default_uri_disabled
        return "" if disabled else self._urls.url(service, tag)

    def _plan(self, name: str) -> RoutingPlan:
        revisions = {short(revision.name): revision for revision in self._store.revisions(name)}
        return routing_plan.plan(self._store.service(name), revisions)

    async def _activate(self, service: str, revisions: Iterable[str]) -> None:
        names = [ServiceName.parse(service).revision(revision) for revision in revisions]
        self._held.update(names)
        try:
            await asyncio.gather(*(self._start(name) for name in names))
        finally:
            self._held.subtract(names)

    async def _start(self, name: str) -> None:
        try:
            await self._fleets.of(self._store.revision(name)).activate()
        except NotStartedError as error:
            cause = error.failure
            raise UnroutableError(
                routing_plan.not_ready(short(name), cause.message, cause.reason), cause
            ) from error

    async def _apply_split(self, plan: RoutingPlan) -> None:
        slots = {self._slot(plan, revision): percent for revision, percent in plan.split.items()}
        kept = plan.split.keys() & plan.keeping if plan.open else ()
        await self._data_plane.keep_users(
            self._urls.port(plan.service), frozenset(self._slot(plan, name) for name in kept)
        )
        if await self._data_plane.split(
            self._urls.port(plan.service),
            slots if plan.open else {CLOSED: 100},
            spread=lambda: self._let_unused_go(plan.service),
        ):
            self._traffic_log.record(ServiceName.parse(plan.service), plan.split)
            _log.info("%s: traffic %s", plan.service, plan.split)

    async def _apply_tags(self, plan: RoutingPlan) -> None:
        for tag, revision in plan.tags.items():
            slots = {self._slot(plan, revision) if plan.open else CLOSED: 100}
            await self._data_plane.split(self._urls.port(plan.service, tag), slots)
        for tag in set(self._urls.tags(plan.service)) - set(plan.tags):
            await self._data_plane.split(self._urls.port(plan.service, tag), {})
            self._urls.release(plan.service, tag)

    def _slot(self, plan: RoutingPlan, revision: str) -> int:
        return self._data_plane.slot(ServiceName.parse(plan.service).revision(revision))

    def _let_unused_go(self, name: str) -> None:
        """Retire the fleets that neither the wanted nor the present traffic names."""
        service = self._store.service(name)
        used = {route.revision for route in self._present(service)}
        still = self._data_plane.still_reached(self._urls.port(name))
        used |= {short(owner) for slot in still if (owner := self._data_plane.holder(slot))}
        for fleet in self._fleets.active(name):
            if short(fleet.owner) not in used and self._held[fleet.owner] <= 0:
                fleet.retire()

    def _present(self, service: Any) -> Iterable[Any]:
        """Traffic entries that keep a revision's instances: as on Google's side, also those of 0 percent when
        the revision has a minimum of instances."""
        for entry in [*service.traffic_statuses, *service.traffic]:
            if entry.percent or entry.tag or self._minimum(service.name, entry.revision):
                yield entry

    def _minimum(self, service: str, revision: str) -> int:
        name = ServiceName.parse(service).revision(revision)
        if not self._store.has_revision(name):
            return 0
        return int(self._store.revision(name).scaling.min_instance_count)

    async def _take_away(self, name: str) -> Failure | None:
        async with self._routing[name]:
            await self._data_plane.keep_users(self._urls.port(name), frozenset())
            for tag in ["", *self._urls.tags(name)]:
                await self._data_plane.split(self._urls.port(name, tag), {})
                self._urls.release(name, tag)
            self._traffic_log.record(ServiceName.parse(name), {})
            await self._fleets.stop(name)
            self._store.remove(name)
        return None
