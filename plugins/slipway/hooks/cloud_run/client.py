"""Reading and writing Cloud Run through the official clients, bounded and retried."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Self

from airflow.providers.google.common.hooks.base_google import GoogleBaseHook
from google.api_core import exceptions as google_errors
from google.cloud import run_v2
from google.protobuf.field_mask_pb2 import FieldMask

from slipway.exceptions import CloudRunError, ReleaseConflict, RevisionNotFound, ServiceNotFound
from slipway.hooks.cloud_run.operations import OperationRecord, await_operation, find_operation
from slipway.hooks.cloud_run.traffic import describe_change
from slipway.hooks.deadline import Deadline
from slipway.hooks.google.calls import FAILURES, READ_SECONDS, attempt_timeout, reported_as, retry_within
from slipway.hooks.google.endpoint import GoogleEndpointMixin

POLL_SECONDS = 0.25
LAST_READ_SECONDS = 5.0
"""What a read may take even when the time of its call is over: what happened must be seen."""


@dataclass(frozen=True)
class ServiceAddress:
    """Where a service is.

    :param project_id: Google Cloud project.
    :param location: region, e.g. ``us-central1``.
    :param service: short name.
    """

    project_id: str
    location: str
    service: str

    @property
    def name(self) -> str:
        """The service's resource name."""
        return f"projects/{self.project_id}/locations/{self.location}/services/{self.service}"

    def revision(self, revision: str) -> str:
        """Return a revision's resource name."""
        return f"{self.name}/revisions/{revision}"

    def __str__(self) -> str:
        return f"{self.service} ({self.project_id}, {self.location})"


@dataclass(frozen=True)
class ServiceWrite:
    """One write of a service.

    :param service: the message to send, with the etag of the read it is based on.
    :param mask: fields to write; empty for a service that does not exist yet.
    """

    service: run_v2.Service
    mask: Sequence[str]


@dataclass(frozen=True)
class Written:
    """What became of a write that nobody else's change got in the way of.

    :param generation: the service's generation that holds the write.
    :param failure: the error of the accepted write's operation.
    :param refusal: why it was not accepted.
    """

    generation: int
    failure: Exception | None = None
    refusal: Exception | None = None


class CloudRunClient(GoogleEndpointMixin, GoogleBaseHook):
    """Reads and writes of one Cloud Run project's services; the traffic hook builds on it.

    :param gcp_conn_id: Airflow connection; its extra ``api_endpoints.run`` may name another address.
    :param impersonation_chain: service accounts to impersonate, as in ``GoogleBaseHook``.
    """

    endpoint_name = "run"

    def __init__(
        self,
        gcp_conn_id: str = "google_cloud_default",
        impersonation_chain: str | Sequence[str] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(gcp_conn_id=gcp_conn_id, impersonation_chain=impersonation_chain, **kwargs)
        self._clients: dict[tuple[type, str], Any] = {}

    def get_service(self, *, project_id: str, location: str, service: str) -> run_v2.Service:
        """Read a service.

        :param project_id: Google Cloud project.
        :param location: region.
        :param service: short name.
        :raises ServiceNotFound: when there is none.
        :raises CloudRunError: when Cloud Run gives no usable answer.
        """
        return self._read(ServiceAddress(project_id, location, service))

    def get_revision(self, *, project_id: str, location: str, service: str, revision: str) -> run_v2.Revision:
        """Read a revision.

        :param project_id: Google Cloud project.
        :param location: region.
        :param service: short name of its service.
        :param revision: short name.
        :raises RevisionNotFound: when there is none.
        :raises CloudRunError: when Cloud Run gives no usable answer.
        """
        address = ServiceAddress(project_id, location, service)
        found = self._find_revision(address, revision)
        if found is None:
            raise RevisionNotFound(f"service {address}: no revision {revision}; list its revisions")
        return found

    def list_revisions(self, *, project_id: str, location: str, service: str) -> list[run_v2.Revision]:
        """List a service's revisions, newest first.

        :param project_id: Google Cloud project.
        :param location: region.
        :param service: short name.
        :raises CloudRunError: when Cloud Run gives no usable answer.
        """
        address = ServiceAddress(project_id, location, service)
        with reported_as(CloudRunError, f"service {address}: cannot list its revisions"):
            pages = self._client(run_v2.RevisionsClient, location).list_revisions(
                parent=address.name, **self._bounds(None)
            )
            return sorted(pages, key=lambda revision: revision.create_time, reverse=True)

    def close(self) -> None:
        """Close the channels of this hook."""
        while self._clients:
            self._clients.popitem()[1].transport.close()

    @contextmanager
    def own_channel(self) -> Iterator[Self]:
        """Give a copy of this hook with channels of its own, for use in another thread."""
        twin = copy.copy(self)
        twin._clients = {}
        try:
            yield twin
        finally:
            twin.close()

    def _client(self, kind: type, location: str) -> Any:
        if (kind, location) not in self._clients:
            regional = f"{location}-run.googleapis.com:443" if self.is_default_universe() else None
            self._clients[kind, location] = kind(**self.client_arguments(regional))
        return self._clients[kind, location]

    @staticmethod
    def _bounds(deadline: Deadline | None) -> dict[str, Any]:
        left = READ_SECONDS if deadline is None else deadline.remaining
        seconds = min(READ_SECONDS, max(LAST_READ_SECONDS, left))
        return {"retry": retry_within(seconds), "timeout": attempt_timeout(seconds)}

    def _read(self, address: ServiceAddress, deadline: Deadline | None = None) -> run_v2.Service:
        with reported_as(CloudRunError, f"service {address}: cannot read it"):
            try:
                found: run_v2.Service = self._client(run_v2.ServicesClient, address.location).get_service(
                    name=address.name, **self._bounds(deadline)
                )
            except google_errors.NotFound as error:
                raise ServiceNotFound(
                    f"service {address}: does not exist; check project, region and name"
                ) from error
        return found

    def _find(self, address: ServiceAddress, deadline: Deadline | None = None) -> run_v2.Service | None:
        try:
            return self._read(address, deadline)
        except ServiceNotFound:
            return None

    def _find_revision(
        self, address: ServiceAddress, revision: str, deadline: Deadline | None = None
    ) -> run_v2.Revision | None:
        with reported_as(CloudRunError, f"service {address}: cannot read revision {revision}"):
            try:
                found: run_v2.Revision = self._client(run_v2.RevisionsClient, address.location).get_revision(
                    name=address.revision(revision), **self._bounds(deadline)
                )
            except google_errors.NotFound:
                return None
        return found

    def _write(
        self,
        address: ServiceAddress,
        current: run_v2.Service | None,
        change: Callable[[run_v2.Service | None], ServiceWrite],
        landed: Callable[[run_v2.Service | None], bool],
        *,
        fenced: bool,
        operation: OperationRecord | None = None,
        deadline: Deadline,
    ) -> Written:
        """Write a change and wait for its operation.

        Whatever goes wrong, the service is read: the write may have taken effect although its answer was
        lost, or another run of the same task may have made it. An etag also moves when only the status
        did; then, and only then, the write is sent once more on the newer read.

        :param current: what was read, None when the service does not exist.
        :param change: makes the write from what was read.
        :param landed: whether a service as read holds the change.
        :param fenced: believe the first refusal for a moved etag, without a further read.
        :param operation: where the name of the write's operation is kept before it is waited for.
        :raises ReleaseConflict: when somebody else changed the service.
        """
        base = current
        for last in (False, True):
            begun, error, unanswered = self._send(address, change(base), base is None, deadline)
            generation = 1 if base is None else base.generation + 1
            if error is None:
                if operation is not None:
                    operation.keep(begun.operation.name)
                return Written(generation, failure=await_operation(begun, deadline, self.log))
            conflict = isinstance(error, google_errors.Conflict)
            if conflict and fenced and not unanswered:
                raise ReleaseConflict(f"service {address}: changed since it was read: {error}") from error
            latest = self._find(address, deadline)
            if latest is not None and landed(latest):
                return Written(latest.generation)
            if not conflict:
                return Written(generation, refusal=error)
            if last or fenced or base is None or latest is None or latest.generation != base.generation:
                raise ReleaseConflict(
                    f"service {address}: {_what_changed(base, latest)} ({error})"
                ) from error
            base = latest
        raise AssertionError("the second pass ends in return or raise")

    def _send(
        self, address: ServiceAddress, change: ServiceWrite, create: bool, deadline: Deadline
    ) -> tuple[Any, Exception | None, bool]:
        """Send a write. Never raises for what Cloud Run or the network does: the caller reads and decides.

        Takes at most half of the time left, so that the outcome can still be read.

        :returns: the operation or the error, and whether an attempt ended without a usable answer.
        """
        unanswered: list[Exception] = []
        seconds = max(1.0, deadline.remaining / 2)
        request = run_v2.UpdateServiceRequest(service=change.service, allow_missing=create)
        if change.mask:
            request.update_mask = FieldMask(paths=change.mask)
        try:
            operation = self._client(run_v2.ServicesClient, address.location).update_service(
                request=request,
                retry=retry_within(seconds, unanswered.append),
                timeout=attempt_timeout(seconds),
            )
        except FAILURES as error:
            self.log.info("service %s: write not accepted: %s", address, error)
            return None, error, bool(unanswered)
        return operation, None, bool(unanswered)

    def _resume(
        self, address: ServiceAddress, operation: OperationRecord | None, deadline: Deadline
    ) -> Exception | None:
        """Wait for the operation that an earlier try of the same step began; return its own error, if any."""
        name = None if operation is None else operation.name()
        if name is None:
            return None
        client = self._client(run_v2.ServicesClient, address.location)
        found = find_operation(client, name, deadline, self.log)
        if found is None:
            return None
        self.log.info("operation %s: begun by an earlier try; waiting for it", name)
        return await_operation(found, deadline, self.log)


def _what_changed(before: run_v2.Service | None, after: run_v2.Service | None) -> str:
    if after is None:
        return "was deleted since it was read"
    if before is None:
        return f"was created meanwhile by {after.last_modifier or 'an unnamed caller'}"
    return describe_change(before, after)
