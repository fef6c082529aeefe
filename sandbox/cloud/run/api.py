"""Cloud Run Admin API v2, served to the official clients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from google.cloud import run_v2
from google.cloud.run_v2.services.revisions.transports.rest_base import _BaseRevisionsRestTransport
from google.cloud.run_v2.services.services.transports.rest_base import _BaseServicesRestTransport
from google.longrunning import operations_pb2
from google.protobuf import empty_pb2
from starlette.routing import Route

from sandbox.cloud import transcoding
from sandbox.cloud.api_errors import InvalidArgumentError
from sandbox.cloud.operations import OperationStore
from sandbox.cloud.run.reconciler import Reconciler
from sandbox.cloud.run.services import ServiceStore

_LONGEST_WAIT_SECONDS = 30.0
_LARGEST_PAGE = 1000
_DEFAULT_PAGE = 100


class RunApi:
    """Methods of the Services, Revisions and Operations interfaces.

    :param store: the services and revisions.
    :param operations: the operations.
    :param reconciler: carries changes out.
    """

    def __init__(self, store: ServiceStore, operations: OperationStore, reconciler: Reconciler) -> None:
        self._store = store
        self._operations = operations
        self._reconciler = reconciler

    def routes(self) -> list[Route]:
        """Routes as the official clients address them."""
        services: dict[str, tuple[Any, Callable[[Any], Any]]] = {
            "CreateService": (run_v2.CreateServiceRequest, self._create),
            "GetService": (run_v2.GetServiceRequest, lambda r: self._store.service(r.name)),
            "ListServices": (run_v2.ListServicesRequest, self._list),
            "UpdateService": (run_v2.UpdateServiceRequest, self._update),
            "DeleteService": (run_v2.DeleteServiceRequest, self._delete),
            "GetOperation": (
                operations_pb2.GetOperationRequest,
                lambda r: self._operations.get(r.name),
            ),
            "ListOperations": (operations_pb2.ListOperationsRequest, self._list_operations),
            "WaitOperation": (operations_pb2.WaitOperationRequest, self._wait_operation),
            "DeleteOperation": (operations_pb2.DeleteOperationRequest, self._delete_operation),
        }
        revisions: dict[str, tuple[Any, Callable[[Any], Any]]] = {
            "GetRevision": (run_v2.GetRevisionRequest, self._get_revision),
            "ListRevisions": (run_v2.ListRevisionsRequest, self._list_revisions),
            "DeleteRevision": (run_v2.DeleteRevisionRequest, self._delete_revision),
        }
        return [
            *transcoding.routes(_BaseServicesRestTransport, services),
            *transcoding.routes(_BaseRevisionsRestTransport, revisions),
        ]

    def _get_revision(self, request: Any) -> Any:
        revision = self._store.revision(request.name)
        least = revision.scaling.min_instance_count
        if least:
            ready = min(least, self._reconciler.instances(revision))
            revision.scaling_status = run_v2.RevisionScalingStatus(desired_min_instance_count=ready)
        return revision

    async def _create(self, request: Any) -> Any:
        accepted = self._store.create(
            request.parent, request.service_id, request.service, request.validate_only
        )
        return self._reconciler.deploy(accepted)

    async def _update(self, request: Any) -> Any:
        mask = run_v2.UpdateServiceRequest.pb(request).update_mask
        accepted = self._store.update(request.service, mask, request.allow_missing, request.validate_only)
        return self._reconciler.deploy(accepted)

    async def _delete(self, request: Any) -> Any:
        accepted = self._store.delete(request.name, request.etag, request.validate_only)
        return self._reconciler.delete(accepted)

    async def _delete_revision(self, request: Any) -> Any:
        revision = self._store.delete_revision(request.name, request.etag, request.validate_only)
        return await self._reconciler.delete_revision(revision, request.validate_only)

    def _list(self, request: Any) -> Any:
        found, token = page(self._store.services(request.parent), request)
        return run_v2.ListServicesResponse(services=found, next_page_token=token)

    def _list_revisions(self, request: Any) -> Any:
        found, token = page(self._store.revisions(request.parent), request)
        return run_v2.ListRevisionsResponse(revisions=found, next_page_token=token)

    def _list_operations(self, request: Any) -> Any:
        found, token = page(self._operations.below(request.name), request)
        return operations_pb2.ListOperationsResponse(operations=found, next_page_token=token)

    async def _wait_operation(self, request: Any) -> Any:
        asked = request.timeout.ToTimedelta().total_seconds() or _LONGEST_WAIT_SECONDS
        return await self._operations.wait(request.name, min(asked, _LONGEST_WAIT_SECONDS))

    def _delete_operation(self, request: Any) -> empty_pb2.Empty:
        self._operations.delete(request.name)
        return empty_pb2.Empty()


def page(found: list[Any], request: Any) -> tuple[list[Any], str]:
    """Return a page of what was found, and the token of the next one.

    :param found: everything.
    :param request: a list request.
    :raises InvalidArgumentError: the request's token is from no earlier page.
    """
    token = request.page_token
    if token and not token.isdecimal():
        raise InvalidArgumentError(f"page_token {token!r}: not from an earlier page")
    start, count = int(token or 0), min(request.page_size, _LARGEST_PAGE) or _DEFAULT_PAGE
    end = start + count
    return found[start:end], str(end) if end < len(found) else ""
