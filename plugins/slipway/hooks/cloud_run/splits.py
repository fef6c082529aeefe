"""Moving the traffic of a service: read, compared, written with the etag of what was read, and read back."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from typing import Any

from google.cloud import run_v2

from slipway.exceptions import (
    CloudRunError,
    CloudRunTimeout,
    ReleaseConflict,
    RevisionNotFound,
    RevisionNotReady,
)
from slipway.hooks.cloud_run.client import POLL_SECONDS, ServiceAddress, ServiceWrite, Written
from slipway.hooks.cloud_run.leases import CloudRunLeases, Lease, annotations_with
from slipway.hooks.cloud_run.operations import OperationRecord
from slipway.hooks.cloud_run.revision import readiness
from slipway.hooks.cloud_run.state import state_of
from slipway.hooks.cloud_run.traffic import (
    TrafficChange,
    TrafficPlan,
    describe_change,
    serving_split,
    tags_of,
)
from slipway.hooks.deadline import Deadline


class CloudRunSplits(CloudRunLeases):
    """Splits the traffic of services between revisions; the traffic hook builds on it.

    :param gcp_conn_id: Airflow connection; its extra ``api_endpoints.run`` may name another address.
    :param impersonation_chain: service accounts to impersonate, as in ``GoogleBaseHook``.
    """

    def set_traffic(
        self,
        *,
        project_id: str,
        location: str,
        service: str,
        split: Mapping[str, int],
        tags: Mapping[str, str] | None = None,
        drop_tags: Collection[str] = (),
        etag: str | None = None,
        lease: Lease | None = None,
        operation: OperationRecord | None = None,
        timeout: float,
    ) -> TrafficChange:
        """Split the requests between revisions by name, and wait until the service reports it.

        Nothing is written when the service is so already. Without ``etag`` a conflict is resolved by one
        read: when the split is by then the wanted one the call succeeds, when somebody changed the service
        it fails. With ``etag`` any other state fails, with one exception: when an attempt of this very call
        was not answered, a conflict is checked for being its own doing.

        :param project_id: Google Cloud project.
        :param location: region.
        :param service: short name.
        :param split: percent by short revision name, in total 100.
        :param tags: tag by short revision name, replacing all tags; None keeps them as they are.
        :param drop_tags: tags to take away of those that are kept.
        :param etag: write only if the service still has this etag.
        :param lease: lease to take or renew in the same write.
        :param operation: where the name of the write's operation is kept; a write that an earlier try made is
            waited for by that name.
        :param timeout: bound of the whole call, in seconds.
        :raises ValueError: when the split is not in total 100 %; nothing was called.
        :raises ServiceNotFound: when there is no such service.
        :raises RevisionNotFound: when a revision of the split does not exist.
        :raises RevisionNotReady: when a revision of the split cannot serve.
        :raises ReleaseConflict: when somebody else changed the service, or holds its lease.
        :raises CloudRunTimeout: when the split did not show in time.
        :raises CloudRunError: when Cloud Run refuses, or gives no usable answer.
        """
        TrafficPlan.of(split, {})
        deadline = Deadline(timeout)
        address = ServiceAddress(project_id, location, service)
        current = self._read(address, deadline)
        if etag is not None and current.etag != etag:
            raise moved(address, etag, current)
        kept = tags_of(current) if tags is None else {tag: revision for revision, tag in tags.items()}
        plan = TrafficPlan.of(split, {tag: name for tag, name in kept.items() if tag not in drop_tags})
        changed = not plan.asked_of(current)
        after = self._settle(
            address,
            current,
            plan,
            lease=lease,
            fenced=etag is not None,
            operation=operation,
            deadline=deadline,
        )
        return TrafficChange(
            serving_split(current), serving_split(after), changed, after.etag, state_of(after)
        )

    async def aset_traffic(self, **arguments: Any) -> TrafficChange:
        """Do :meth:`set_traffic` in a thread with a channel of its own, for a trigger.

        A cancelled call lets the thread finish what it began, within its ``timeout``.

        :param arguments: as for :meth:`set_traffic`.
        """

        def call() -> TrafficChange:
            with self.own_channel() as twin:
                return twin.set_traffic(**arguments)

        return await asyncio.to_thread(call)

    def _settle(
        self,
        address: ServiceAddress,
        current: run_v2.Service,
        plan: TrafficPlan,
        *,
        lease: Lease | None,
        fenced: bool,
        operation: OperationRecord | None,
        deadline: Deadline,
    ) -> run_v2.Service:
        """Bring the traffic to ``plan``, and wait until the service reports it."""
        if plan.asked_of(current) and plan.shown_by(current):
            return current
        if plan.asked_of(current):
            generation, failure = current.generation, self._resume(address, operation, deadline)
        else:
            written = self._ask(
                address, current, plan, lease=lease, fenced=fenced, operation=operation, deadline=deadline
            )
            generation, failure = written.generation, written.refusal or written.failure
        while True:
            service = self._read(address, deadline)
            if plan.asked_of(service) and plan.shown_by(service):
                self.log.info("service %s: traffic is %s", address, dict(plan.split))
                return service
            if failure is not None:
                raise self._explain(address, plan, failure, deadline)
            if service.generation > generation and not plan.asked_of(service):
                raise ReleaseConflict(
                    f"service {address}: its traffic was changed again while it was being set to"
                    f" {dict(plan.split)}: {describe_change(current, service)}"
                )
            if deadline.passed:
                raise CloudRunTimeout(
                    f"service {address}: traffic is {serving_split(service)} and not {dict(plan.split)}"
                    f" after {deadline.seconds:g} s; Cloud Run says:"
                    f" {service.terminal_condition.message or 'nothing'}"
                )
            deadline.pause(POLL_SECONDS)

    def _ask(
        self,
        address: ServiceAddress,
        current: run_v2.Service,
        plan: TrafficPlan,
        *,
        lease: Lease | None,
        fenced: bool,
        operation: OperationRecord | None,
        deadline: Deadline,
    ) -> Written:
        """Write the plan, and the lease with it."""

        def change(base: run_v2.Service | None) -> ServiceWrite:
            found = current if base is None else base
            service = run_v2.Service(name=address.name, traffic=plan.targets(), etag=found.etag)
            if lease is None:
                return ServiceWrite(service, ["traffic"])
            service.annotations = annotations_with(found, lease)
            return ServiceWrite(service, ["traffic", "annotations"])

        def landed(latest: run_v2.Service | None) -> bool:
            return latest is not None and plan.asked_of(latest)

        return self._write(
            address, current, change, landed, fenced=fenced, operation=operation, deadline=deadline
        )

    def _explain(
        self, address: ServiceAddress, plan: TrafficPlan, failure: Exception, deadline: Deadline
    ) -> CloudRunError:
        """Say why a split could not be set: most often one of its revisions is the reason."""
        service = self._read(address, deadline)
        for revision in plan.split:
            found = self._find_revision(address, revision, deadline)
            if found is None:
                return RevisionNotFound(f"service {address}: no revision {revision}; list its revisions")
            seen = readiness(found, service, revision)
            if seen.state == "failed":
                return RevisionNotReady(
                    f"service {address}: revision {revision} cannot serve: {seen.message or failure}"
                )
        return CloudRunError(f"service {address}: cannot set traffic {dict(plan.split)}: {failure}")


def moved(address: ServiceAddress, etag: str, current: run_v2.Service | None) -> ReleaseConflict:
    """Say that a service is not as its reader left it, and who changed it.

    :param etag: the etag that was expected.
    :param current: the service as read, None when it does not exist.
    """
    if current is None:
        return ReleaseConflict(f"service {address}: expected etag {etag}, but it does not exist")
    return ReleaseConflict(
        f"service {address}: expected etag {etag}, it has {current.etag}; last changed by"
        f" {current.last_modifier or 'an unnamed caller'} (generation {current.generation},"
        f" traffic {serving_split(current)}); read it again and decide"
    )
