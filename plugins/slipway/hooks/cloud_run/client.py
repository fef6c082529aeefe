"""Reading and writing Cloud Run through the official clients, bounded and retried."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from google.api_core import exceptions as google_errors
from google.cloud import run_v2
from google.protobuf.field_mask_pb2 import FieldMask

from slipway.exceptions import CloudRunError, ReleaseConflict, ServiceNotFound
from slipway.hooks.cloud_run.address import ServiceAddress
from slipway.hooks.cloud_run.operations import OperationRecord, await_operation, find_operation
from slipway.hooks.cloud_run.traffic import describe_change
from slipway.hooks.deadline import Deadline
from slipway.hooks.google.calls import (
    FAILURES,
    READ_SECONDS,
    attempt_timeout,
    bounded,
    reported_as,
    retry_within,
)

if TYPE_CHECKING:
    from airflow.sdk.types import Logger

POLL_SECONDS = 0.25
LAST_READ_SECONDS = 5.0
"""What a read may take even when the time of its call is over: what happened must be seen."""


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


class CloudRunClient:
    """Reads services and revisions, and writes services, bounded and guarded by the etag of what was read.

    :param api_client: returns the generated client of a class for an address, as
        :meth:`~slipway.hooks.google.endpoint.GoogleEndpointMixin.api_client` does.
    :param regional: whether the API has an address for each region.
    :param log: where steps are logged.
    """

    def __init__(
        self, api_client: Callable[[type, str | None], Any], *, regional: Callable[[], bool], log: Logger
    ) -> None:
        self._api_client = api_client
        self._regional = regional
        self.log = log

    def _client(self, kind: type, location: str) -> Any:
        return self._api_client(kind, f"{location}-run.googleapis.com:443" if self._regional() else None)

    def read(self, address: ServiceAddress, deadline: Deadline | None = None) -> run_v2.Service:
        """Read a service.

        :param address: where the service is.
        :param deadline: bound of the call that the read is part of.
        :raises ServiceNotFound: when there is none.
        :raises CloudRunError: when Cloud Run gives no usable answer.
        """
        with reported_as(CloudRunError, f"service {address}: cannot read it"):
            try:
                found: run_v2.Service = self._client(run_v2.ServicesClient, address.location).get_service(
                    name=address.name, **_bounds(deadline)
                )
            except google_errors.NotFound as error:
                raise ServiceNotFound(
                    f"service {address}: does not exist; check project, region and name"
                ) from error
            except google_errors.Forbidden as error:
                raise CloudRunError(
                    f"service {address}: the account may not read it, or there is no such project: check the "
                    f"project, and grant roles/run.developer on the service ({error.message})"
                ) from error
        return found

    def find(self, address: ServiceAddress, deadline: Deadline | None = None) -> run_v2.Service | None:
        """Read a service, None when there is none; otherwise as :meth:`read`.

        :param address: where the service is.
        :param deadline: bound of the call that the read is part of.
        """
        try:
            return self.read(address, deadline)
        except ServiceNotFound:
            return None

    def find_revision(
        self, address: ServiceAddress, revision: str, deadline: Deadline | None = None
    ) -> run_v2.Revision | None:
        """Read a revision, None when there is none.

        :param address: where its service is.
        :param revision: short name.
        :param deadline: bound of the call that the read is part of.
        :raises CloudRunError: when Cloud Run gives no usable answer.
        """
        with reported_as(CloudRunError, f"service {address}: cannot read revision {revision}"):
            try:
                found: run_v2.Revision = self._client(run_v2.RevisionsClient, address.location).get_revision(
                    name=address.revision(revision), **_bounds(deadline)
                )
            except google_errors.NotFound:
                return None
        return found

    def list_revisions(self, address: ServiceAddress) -> list[run_v2.Revision]:
        """List a service's revisions, newest first.

        :param address: where the service is.
        :raises CloudRunError: when Cloud Run gives no usable answer.
        """
        with reported_as(CloudRunError, f"service {address}: cannot list its revisions"):
            pages = self._client(run_v2.RevisionsClient, address.location).list_revisions(
                parent=address.name, **_bounds(None)
            )
            return sorted(pages, key=lambda revision: revision.create_time, reverse=True)

    def delete_revision(self, address: ServiceAddress, revision: str, etag: str, deadline: Deadline) -> bool:
        """Delete a revision; see :meth:`~slipway.hooks.cloud_run.hook.CloudRunTrafficHook.delete_revision`.

        :param address: where its service is.
        :param revision: short name.
        :param etag: of the revision as it was read.
        :param deadline: bound of the whole call.
        """
        with reported_as(CloudRunError, f"service {address}: cannot delete revision {revision}"):
            try:
                begun = self._client(run_v2.RevisionsClient, address.location).delete_revision(
                    request=run_v2.DeleteRevisionRequest(name=address.revision(revision), etag=etag),
                    **_bounds(deadline),
                )
            except google_errors.NotFound:
                return True
            except (google_errors.BadRequest, google_errors.Conflict) as error:
                self.log.info("Service %s: revision %s is not deleted: %s", address, revision, error)
                return False
        failure = await_operation(begun, deadline, self.log)
        if self.find_revision(address, revision, deadline) is not None:
            raise CloudRunError(
                f"service {address}: revision {revision} is still there: {failure or 'no error'}"
            )
        return True

    def write(
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

        :param address: where the service is.
        :param current: what was read, None when the service does not exist.
        :param change: makes the write from what was read.
        :param landed: whether a service as read holds the change.
        :param fenced: believe the first refusal for a moved etag, without a further read.
        :param operation: where the name of the write's operation is kept before it is waited for.
        :param deadline: bound of the call that the write is part of.
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
            latest = self.find(address, deadline)
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

        :return: the operation or the error, and whether an attempt ended without a usable answer.
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
            self.log.info("Service %s: the write was not accepted: %s", address, error)
            return None, error, bool(unanswered)
        return operation, None, bool(unanswered)

    def resume(
        self, address: ServiceAddress, operation: OperationRecord | None, deadline: Deadline
    ) -> Exception | None:
        """Wait for the operation that an earlier try of the same step began; return its own error, if any.

        :param address: where the service is.
        :param operation: where the name of the operation is kept.
        :param deadline: bound of the call that the wait is part of.
        """
        name = None if operation is None else operation.name()
        if name is None:
            return None
        client = self._client(run_v2.ServicesClient, address.location)
        found = find_operation(client, name, deadline, self.log)
        if found is None:
            return None
        self.log.info("Operation %s was begun by an earlier try; waiting for it", name)
        return await_operation(found, deadline, self.log)


def _bounds(deadline: Deadline | None) -> dict[str, Any]:
    left = READ_SECONDS if deadline is None else deadline.remaining
    return bounded(min(READ_SECONDS, max(LAST_READ_SECONDS, left)))


def _what_changed(before: run_v2.Service | None, after: run_v2.Service | None) -> str:
    if after is None:
        return "was deleted since it was read"
    if before is None:
        return f"was created since it was read, by {after.last_modifier or 'an unknown author'}"
    return describe_change(before, after)
