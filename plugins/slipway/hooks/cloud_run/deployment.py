"""Making a revision: its template written with the traffic pinned where it is, and its readiness awaited."""

from __future__ import annotations

from google.cloud import run_v2

from slipway.exceptions import CloudRunError, CloudRunTimeout, ReleaseConflict, RevisionNotReady
from slipway.hooks.cloud_run.address import ServiceAddress
from slipway.hooks.cloud_run.client import POLL_SECONDS, CloudRunClient, ServiceWrite
from slipway.hooks.cloud_run.leases import Lease, put_lease
from slipway.hooks.cloud_run.operations import OperationRecord
from slipway.hooks.cloud_run.revision import RevisionSpec, differences, next_template, readiness
from slipway.hooks.cloud_run.template import template_of
from slipway.hooks.cloud_run.traffic import TrafficPlan, serving_split, tags_of
from slipway.hooks.deadline import Deadline


class Revisions:
    """Makes revisions of services.

    :param client: reads and writes the services.
    """

    def __init__(self, client: CloudRunClient) -> None:
        self._client = client

    def is_made(
        self, address: ServiceAddress, current: run_v2.Service, revision: str, deadline: Deadline
    ) -> bool:
        """Whether a revision is there, or is being made: its template was written, and that is under way.

        :param address: where the service is.
        :param current: the service as read.
        :param revision: short name.
        :param deadline: bound of the whole call.
        """
        if self._client.find_revision(address, revision, deadline) is not None:
            return True
        return current.template.revision == revision and bool(current.reconciling)

    def make(
        self,
        address: ServiceAddress,
        current: run_v2.Service | None,
        spec: RevisionSpec,
        base: run_v2.Revision | None,
        lease: Lease | None,
        operation: OperationRecord | None,
        deadline: Deadline,
    ) -> Exception | None:
        """Write the template with what serves pinned.

        :param address: where the service is.
        :param current: the service as read, None when it does not exist.
        :param spec: what the revision is made of.
        :param base: the revision it is built on; None for the service's own template.
        :param lease: lease to take or renew in the same write.
        :param operation: where the name of the write's operation is kept.
        :param deadline: bound of the whole call.
        :return: the operation's own error, if any.
        :raises ReleaseConflict: when somebody else changed the service, or holds its lease.
        :raises CloudRunError: when Cloud Run refuses.
        """

        def change(latest: run_v2.Service | None) -> ServiceWrite:
            return _with_revision(address, latest, spec, base, lease)

        def landed(latest: run_v2.Service | None) -> bool:
            return latest is not None and latest.template.revision == spec.revision

        written = self._client.write(
            address, current, change, landed, fenced=False, operation=operation, deadline=deadline
        )
        if written.refusal is not None:
            raise CloudRunError(f"service {address}: cannot make revision {spec.revision}: {written.refusal}")
        return written.failure

    def await_ready(
        self, address: ServiceAddress, spec: RevisionSpec, failure: Exception | None, deadline: Deadline
    ) -> run_v2.Service:
        """Wait until a revision is ready, and is the one asked for.

        :param address: where the service is.
        :param spec: what the revision must be made of.
        :param failure: error of the operation that made it.
        :param deadline: bound of the whole call.
        :return: the service with the revision ready.
        :raises ReleaseConflict: when the name is taken by a revision with another content.
        :raises RevisionNotReady: when the revision cannot serve, with Cloud Run's reason.
        :raises CloudRunTimeout: when it was neither ready nor failed in time.
        """
        while True:
            service = self._client.read(address, deadline)
            found = self._client.find_revision(address, spec.revision, deadline)
            wrong = [] if found is None else differences(found, spec)
            if wrong:
                raise ReleaseConflict(
                    f"service {address}: revision {spec.revision} exists with another content"
                    f" ({'; '.join(wrong)}); deploy under another name"
                )
            seen = readiness(found, service, spec.revision)
            if seen.state == "ready" and found is not None:
                return service
            if seen.state == "failed" or failure is not None:
                raise RevisionNotReady(
                    f"service {address}: revision {spec.revision} cannot serve:"
                    f" {seen.message or failure or 'no reason given'}"
                )
            if deadline.passed:
                raise CloudRunTimeout(
                    f"service {address}: revision {spec.revision} not ready in {deadline.seconds:g} s;"
                    f" Cloud Run says: {seen.message or 'nothing'}"
                )
            deadline.pause(POLL_SECONDS)


def _with_revision(
    address: ServiceAddress,
    latest: run_v2.Service | None,
    spec: RevisionSpec,
    base: run_v2.Revision | None,
    lease: Lease | None,
) -> ServiceWrite:
    """Return the write that adds a revision to a service and keeps its traffic where it is, by name."""
    current = run_v2.Service(name=address.name) if latest is None else latest
    service = run_v2.Service(
        name=address.name, template=next_template(_built_on(current, base), spec), etag=current.etag
    )
    mask = ["template"]
    if lease is not None:
        mask += put_lease(service, current, lease)
    split = serving_split(current)
    if split:
        service.traffic = TrafficPlan.of(split, tags_of(current)).targets()
        mask.append("traffic")
    return ServiceWrite(service, [] if latest is None else mask)


def _built_on(current: run_v2.Service, base: run_v2.Revision | None) -> run_v2.RevisionTemplate:
    """Return the template that a revision is built on."""
    if base is None:
        return current.template
    template = template_of(base)
    if current.latest_created_revision == base.name:
        # The one field that a revision does not keep.
        template.health_check_disabled = current.template.health_check_disabled
    return template
