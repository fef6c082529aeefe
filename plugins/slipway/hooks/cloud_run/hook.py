"""The door to Cloud Run: make a revision without moving traffic, and move traffic.

Every write is read, compared and sent with the etag of what was read; done again it does nothing. What a
write did is always read back from the service: neither an error nor a success of the call is believed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from google.cloud import run_v2

from slipway.exceptions import CloudRunError, CloudRunTimeout, ReleaseConflict, RevisionNotReady
from slipway.hooks.cloud_run.client import POLL_SECONDS, ServiceAddress, ServiceWrite
from slipway.hooks.cloud_run.leases import Lease, annotations_with, foreign_lease, lease_of
from slipway.hooks.cloud_run.operations import OperationRecord
from slipway.hooks.cloud_run.revision import (
    Readiness,
    RevisionSpec,
    differences,
    image_digest,
    image_of,
    next_template,
    readiness,
    secrets_of,
    variables_of,
)
from slipway.hooks.cloud_run.splits import CloudRunSplits, moved
from slipway.hooks.cloud_run.state import state_of
from slipway.hooks.cloud_run.traffic import (
    TrafficChange,
    TrafficPlan,
    only_serving,
    revision_uri,
    serving_split,
    tags_of,
)
from slipway.hooks.deadline import Deadline
from slipway.hooks.secret_version import SecretVersion

__all__ = [
    "CloudRunTrafficHook",
    "Lease",
    "SecretVersion",
    "TrafficChange",
    "foreign_lease",
    "image_digest",
    "image_of",
    "lease_of",
    "readiness",
    "revision_uri",
    "secrets_of",
    "serving_split",
    "state_of",
    "tags_of",
    "variables_of",
]


class CloudRunTrafficHook(CloudRunSplits):
    """Deploy revisions of Cloud Run services and split their traffic.

    :param gcp_conn_id: Airflow connection; its extra ``api_endpoints.run`` may name another address.
    :param impersonation_chain: service accounts to impersonate, as in ``GoogleBaseHook``.
    """

    def deploy_revision(
        self,
        *,
        project_id: str,
        location: str,
        service: str,
        revision: str,
        image: str,
        env: Mapping[str, str],
        secrets: Mapping[str, SecretVersion],
        min_instances: int,
        max_instances: int,
        labels: Mapping[str, str],
        tag: str | None,
        expected_etag: str | None = None,
        lease: Lease | None = None,
        operation: OperationRecord | None = None,
        timeout: float,
    ) -> run_v2.Service:
        """Make an immutable revision that is ready and gets no requests, except through its tag.

        What serves now is pinned by revision name in the same write, so that no traffic moves. A revision
        that is already there with this image, ``env`` and ``secrets`` is not made again; only its tag is
        ensured. The first revision of a service serves at once: there is nothing to hold it back for.

        :param project_id: Google Cloud project.
        :param location: region.
        :param service: short name of the service; it is created when absent.
        :param revision: full name of the revision, ``<service>-<suffix>``.
        :param image: image reference with a digest.
        :param env: environment values, laid over those of the current template.
        :param secrets: pinned secret versions by environment variable, laid over likewise.
        :param min_instances: instances kept warm while the revision is in the traffic or has a tag.
        :param max_instances: bound of its instances.
        :param labels: labels of the revision, e.g. the release.
        :param tag: tag with a URL of its own, or None.
        :param expected_etag: make the revision only if the service still has this etag.
        :param lease: lease to take or renew in the same write.
        :param operation: where the name of the write's operation is kept; a revision that an earlier try
            began to make is waited for by that name.
        :param timeout: bound of the whole call, in seconds.
        :returns: the service with the revision ready.
        :raises ReleaseConflict: when the name is taken by another revision, the service was changed, or
            another release holds its lease.
        :raises RevisionNotReady: when the revision cannot serve, with Cloud Run's reason.
        :raises CloudRunTimeout: when it was neither ready nor failed in time.
        :raises CloudRunError: when Cloud Run refuses, or gives no usable answer.
        :raises ValueError: when the request contradicts itself.
        """
        address = ServiceAddress(project_id, location, service)
        if not revision.startswith(f"{service}-"):
            raise ValueError(f"revision={revision!r}: must begin with {service}-")
        spec = RevisionSpec(revision, image, env, secrets, min_instances, max_instances, labels)
        deadline = Deadline(timeout)
        current = self._find(address, deadline)
        if current is not None and self._is_made(address, current, revision, deadline):
            failure = self._resume(address, operation, deadline)
        else:
            if expected_etag is not None and (current is None or current.etag != expected_etag):
                raise moved(address, expected_etag, current)
            failure = self._make_revision(address, current, spec, lease, operation, deadline)
        ready = self._await_revision(address, spec, failure, deadline)
        split = only_serving(serving_split(ready)) or {revision: 100}
        tags = tags_of(ready) if tag is None else {**tags_of(ready), tag: revision}
        plan = TrafficPlan.of(split, tags)
        return self._settle(
            address, ready, plan, lease=lease, fenced=False, operation=operation, deadline=deadline
        )

    async def aget_service(self, *, project_id: str, location: str, service: str) -> run_v2.Service:
        """Do :meth:`get_service` in a thread with a channel of its own, for a trigger.

        :param project_id: Google Cloud project.
        :param location: region.
        :param service: short name.
        """

        def call() -> run_v2.Service:
            with self.own_channel() as twin:
                return twin.get_service(project_id=project_id, location=location, service=service)

        return await asyncio.to_thread(call)

    async def areadiness(self, *, project_id: str, location: str, service: str, revision: str) -> Readiness:
        """Return whether a revision can serve, without blocking, for a trigger.

        :param project_id: Google Cloud project.
        :param location: region.
        :param service: short name.
        :param revision: short name.
        :raises CloudRunError: when Cloud Run gives no usable answer.
        """
        address = ServiceAddress(project_id, location, service)

        def call() -> Readiness:
            with self.own_channel() as twin:
                return readiness(twin._find_revision(address, revision), twin._read(address), revision)

        return await asyncio.to_thread(call)

    def _is_made(
        self, address: ServiceAddress, current: run_v2.Service, revision: str, deadline: Deadline
    ) -> bool:
        """Whether a revision is there, or is being made: its template was written, and that is under way."""
        if self._find_revision(address, revision, deadline) is not None:
            return True
        return current.template.revision == revision and bool(current.reconciling)

    def _make_revision(
        self,
        address: ServiceAddress,
        current: run_v2.Service | None,
        spec: RevisionSpec,
        lease: Lease | None,
        operation: OperationRecord | None,
        deadline: Deadline,
    ) -> Exception | None:
        """Write the template with what serves pinned; return the operation's error."""

        def change(base: run_v2.Service | None) -> ServiceWrite:
            return _with_revision(address, base, spec, lease)

        def landed(latest: run_v2.Service | None) -> bool:
            return latest is not None and latest.template.revision == spec.revision

        written = self._write(
            address, current, change, landed, fenced=False, operation=operation, deadline=deadline
        )
        if written.refusal is not None:
            raise CloudRunError(f"service {address}: cannot make revision {spec.revision}: {written.refusal}")
        return written.failure

    def _await_revision(
        self, address: ServiceAddress, spec: RevisionSpec, failure: Exception | None, deadline: Deadline
    ) -> run_v2.Service:
        """Wait until the revision is ready and is the one asked for."""
        while True:
            service = self._read(address, deadline)
            found = self._find_revision(address, spec.revision, deadline)
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
    address: ServiceAddress, base: run_v2.Service | None, spec: RevisionSpec, lease: Lease | None
) -> ServiceWrite:
    """Return the write that adds a revision to ``base`` and keeps its traffic where it is, by name."""
    current = run_v2.Service(name=address.name) if base is None else base
    service = run_v2.Service(
        name=address.name, template=next_template(current.template, spec), etag=current.etag
    )
    mask = ["template"]
    if lease is not None:
        service.annotations = annotations_with(current, lease)
        mask.append("annotations")
    split = only_serving(serving_split(current))
    if split:
        service.traffic = TrafficPlan.of(split, tags_of(current)).targets()
        mask.append("traffic")
    return ServiceWrite(service, [] if base is None else mask)
