"""Long-running operations (google.longrunning): begun by a request, ended by the reconciler."""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections.abc import Mapping
from typing import Any

from google.cloud import run_v2
from google.longrunning import operations_pb2

from sandbox.cloud.api_errors import NotFoundError
from sandbox.cloud.run.conditions import Failure
from sandbox.cloud.stored_message import from_text, to_text

_KEPT = 200


class OperationStore:
    """All operations that run, and the last finished ones."""

    def __init__(self) -> None:
        self._operations: dict[str, operations_pb2.Operation] = {}
        self._finished: dict[str, asyncio.Event] = {}

    def begin(self, parent: str, metadata: Any) -> operations_pb2.Operation:
        """Open an operation.

        :param parent: ``projects/*/locations/*``.
        :param metadata: the resource as it stands now.
        """
        self._forget_old()
        operation = operations_pb2.Operation(name=f"{parent}/operations/{uuid.uuid4()}")
        operation.metadata.Pack(type(metadata).pb(metadata))
        self._operations[operation.name] = operation
        self._finished[operation.name] = asyncio.Event()
        return operation

    def _forget_old(self) -> None:
        finished = [name for name, operation in self._operations.items() if operation.done]
        for name in finished[: max(0, len(finished) - _KEPT)]:
            self.delete(name)

    def done(self, parent: str, response: Any) -> operations_pb2.Operation:
        """Open an operation that is over already (``validate_only``)."""
        operation = self.begin(parent, response)
        self.end(operation.name, response, None)
        return operation

    def end(self, name: str, resource: Any, failure: Failure | None) -> None:
        """Close an operation with its response or its error.

        :param name: full name of the operation.
        :param resource: the resource as it stands now.
        :param failure: why it failed; None when it succeeded.
        """
        operation = self._operations[name]
        operation.metadata.Pack(type(resource).pb(resource))
        if failure is None:
            operation.response.Pack(type(resource).pb(resource))
        else:
            operation.error.code, operation.error.message = failure.code, failure.message
        operation.done = True
        self._finished[name].set()

    def abandon(self, name: str, failure: Failure) -> None:
        """Close an operation whose resource's state is not known."""
        operation = self._operations[name]
        if not operation.done:
            operation.error.code, operation.error.message = failure.code, failure.message
            operation.done = True
            self._finished[name].set()

    def get(self, name: str) -> operations_pb2.Operation:
        """Return an operation.

        :param name: full name of the operation.
        :raises NotFoundError: there is none of this name.
        """
        if name not in self._operations:
            raise NotFoundError(f"Operation '{name}' does not exist.")
        return self._operations[name]

    def below(self, parent: str) -> list[operations_pb2.Operation]:
        """Operations of ``projects/*/locations/*``, newest first."""
        found = [o for name, o in self._operations.items() if name.startswith(f"{parent}/operations/")]
        return found[::-1]

    def unfinished(self, resource: str) -> list[str]:
        """Names of the operations on a resource that are not over.

        :param resource: full name of the service.
        """
        pending = (o for o in self._operations.values() if not o.done)
        return [o.name for o in pending if _resource_name(o) == resource]

    def delete(self, name: str) -> None:
        """Forget an operation; what it stands for goes on."""
        del self._operations[self.get(name).name]
        del self._finished[name]

    async def wait(self, name: str, seconds: float) -> operations_pb2.Operation:
        """Return an operation once it is over, or as it is after the given time."""
        self.get(name)
        with contextlib.suppress(TimeoutError):  # an operation still running is an answer too
            await asyncio.wait_for(self._finished[name].wait(), seconds)
        return self.get(name)

    def dump(self) -> dict[str, Any]:
        """Everything as JSON values, for ``load``."""
        return {name: to_text(operation) for name, operation in self._operations.items()}

    def load(self, stored: Mapping[str, Any]) -> None:
        """Take over what ``dump`` gave."""
        for name, text in stored.items():
            operation = from_text(text, operations_pb2.Operation())
            self._operations[name], self._finished[name] = operation, asyncio.Event()
            if operation.done:
                self._finished[name].set()


def _resource_name(operation: operations_pb2.Operation) -> str:
    service = run_v2.Service()
    operation.metadata.Unpack(run_v2.Service.pb(service))
    return str(service.name)
