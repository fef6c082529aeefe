"""Setting the traffic of a service: read, compared, written with the etag of what was read, and read back."""

from __future__ import annotations

from google.cloud import run_v2

from slipway.exceptions import (
    CloudRunError,
    CloudRunTimeout,
    ReleaseConflict,
    RevisionNotFound,
    RevisionNotReady,
)
from slipway.hooks.cloud_run.address import ServiceAddress
from slipway.hooks.cloud_run.client import POLL_SECONDS, CloudRunClient, ServiceWrite, Written
from slipway.hooks.cloud_run.leases import Lease, put_lease
from slipway.hooks.cloud_run.operations import OperationRecord
from slipway.hooks.cloud_run.revision import readiness
from slipway.hooks.cloud_run.traffic import TrafficPlan, describe_change, serving_split
from slipway.hooks.deadline import Deadline


class TrafficSplits:
    """Brings the traffic of services to a plan.

    :param client: reads and writes the services.
    """

    def __init__(self, client: CloudRunClient) -> None:
        self._client = client

    def settle(
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
        """Bring the traffic to ``plan``, and wait until the service reports it.

        :param address: where the service is.
        :param current: the service as read.
        :param plan: the split and the tags to set.
        :param lease: lease to take or renew in the same write.
        :param fenced: fail when the etag of ``current`` moved, whatever moved it.
        :param operation: where the name of the write's operation is kept.
        :param deadline: bound of the whole call.
        :return: the service with its traffic as planned.
        :raises ReleaseConflict: when somebody else changed the service, or holds its lease.
        :raises RevisionNotFound: when a revision of the plan does not exist.
        :raises RevisionNotReady: when a revision of the plan cannot serve.
        :raises CloudRunTimeout: when the split did not show in time.
        """
        if plan.asked_of(current) and plan.shown_by(current):
            return current
        if plan.asked_of(current):
            generation, failure = current.generation, self._client.resume(address, operation, deadline)
        else:
            written = self._ask(
                address, current, plan, lease=lease, fenced=fenced, operation=operation, deadline=deadline
            )
            generation, failure = written.generation, written.refusal or written.failure
        while True:
            service = self._client.read(address, deadline)
            if plan.asked_of(service) and plan.shown_by(service):
                self._client.log.info("Traffic of %s is %s", address, dict(plan.split))
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
            return ServiceWrite(service, ["traffic", *put_lease(service, found, lease)])

        def landed(latest: run_v2.Service | None) -> bool:
            return latest is not None and plan.asked_of(latest)

        return self._client.write(
            address, current, change, landed, fenced=fenced, operation=operation, deadline=deadline
        )

    def _explain(
        self, address: ServiceAddress, plan: TrafficPlan, failure: Exception, deadline: Deadline
    ) -> CloudRunError:
        """Say why a split could not be set: most often one of its revisions is the reason."""
        service = self._client.read(address, deadline)
        for revision in plan.split:
            found = self._client.find_revision(address, revision, deadline)
            if found is None:
                return RevisionNotFound(f"service {address}: no revision {revision}; list its revisions")
            seen = readiness(found, service, revision)
            if seen.state == "failed":
                return RevisionNotReady(
                    f"service {address}: revision {revision} cannot serve: {seen.message or failure}"
                )
        return CloudRunError(f"service {address}: cannot set traffic {dict(plan.split)}: {failure}")
