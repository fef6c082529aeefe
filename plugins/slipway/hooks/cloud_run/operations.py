"""Waiting for a long-running operation of Cloud Run: the one just begun, or by name one begun earlier."""

from __future__ import annotations

from concurrent.futures import TimeoutError as OperationTimeout
from typing import TYPE_CHECKING, Any, Protocol

from google.api_core import exceptions as google_errors
from google.api_core import operation as google_operation
from google.api_core.future.polling import DEFAULT_POLLING
from google.cloud import run_v2

from slipway.hooks.deadline import Deadline
from slipway.hooks.google.calls import FAILURES, READ_SECONDS, attempt_timeout, retry_within

if TYPE_CHECKING:
    from airflow.sdk.types import Logger


class OperationRecord(Protocol):
    """Where the name of a write's operation outlives the process that waits for it."""

    def name(self) -> str | None:
        """Return the name of the operation begun last, if any."""

    def keep(self, name: str) -> None:
        """Keep the name of an operation that was begun, instead of an earlier one's."""


def find_operation(client: run_v2.ServicesClient, name: str, deadline: Deadline, log: Logger) -> Any | None:
    """Find an operation by its name.

    :param client: the client of the region that the operation is in.
    :param name: ``projects/*/locations/*/operations/*``.
    :param deadline: bound of the look-up; at least a second is given.
    :param log: where it is said that it is lost: Cloud Run keeps an operation for a time only.
    :return: the operation, to be waited for; None when it is lost or cannot be read.
    """
    operations = client.transport.operations_client
    seconds = max(1.0, min(READ_SECONDS, deadline.remaining))
    try:
        found = operations.get_operation(name, retry=retry_within(seconds), timeout=attempt_timeout(seconds))
    except google_errors.NotFound:
        log.info("Operation %s no longer exists; checking the service instead", name)
        return None
    except FAILURES as error:
        log.info("Operation %s cannot be read: %s", name, error)
        return None
    return google_operation.from_gapic(  # type: ignore[no-untyped-call]
        found, operations, run_v2.Service, metadata_type=run_v2.Service
    )


def await_operation(operation: Any, deadline: Deadline, log: Logger) -> Exception | None:
    """Wait for an operation; return its own error, None when it succeeded or its end could not be seen.

    What happened is always read from the service afterwards: an operation is only a way to wait.

    :param operation: as the client library gives it.
    :param deadline: bound of the wait; at least a second is waited.
    :param log: where it is said that its end could not be seen.
    """
    seconds = max(1.0, deadline.remaining)
    try:
        operation.result(
            timeout=seconds,
            retry=retry_within(min(seconds, READ_SECONDS)),
            polling=DEFAULT_POLLING.with_delay(initial=0.1, maximum=2.0, multiplier=1.5),
        )
    except OperationTimeout:
        log.info("Operation %s is not done after %.0f s", operation.operation.name, seconds)
    except FAILURES as error:
        if operation.operation.done:
            return error
        log.info("Operation %s cannot be followed: %s", operation.operation.name, error)
    return None
