"""The trigger that waits for an operation of Cloud SQL, so that no worker does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from slipway.exceptions import BackupFailed

if TYPE_CHECKING:
    from slipway.hooks.cloud_sql import SqlOperation


class CloudSqlOperationTrigger(BaseTrigger):
    """Waits until a backup or a restore is done, or until an instance is free for one.

    It only reads, and knows the operation by its name: a restarted triggerer waits for the same one.

    :param project_id: Google Cloud project of the instance.
    :param instance: short name.
    :param operation: name of the operation; None to wait until no operation holds the instance.
    :param until: ISO moment at which the wait is over.
    :param poll_seconds: time between two reads.
    :param gcp_conn_id: connection to Google Cloud.
    """

    def __init__(
        self,
        *,
        project_id: str,
        instance: str,
        operation: str | None,
        until: str,
        poll_seconds: float,
        gcp_conn_id: str,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.project_id = project_id
        self.instance = instance
        self.operation = operation
        self.until = until
        self.poll_seconds = poll_seconds
        self.gcp_conn_id = gcp_conn_id

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class path and the arguments that make the same trigger again."""
        names = ("project_id", "instance", "operation", "until", "poll_seconds", "gcp_conn_id")
        return f"{type(self).__module__}.{type(self).__qualname__}", {
            name: getattr(self, name) for name in names
        }

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Yield one event: ``status`` (``success``, ``error``, ``timeout``), ``operation`` and ``message``.

        ``success`` without an ``operation`` means that the instance is free, and that there is time left to
        ask again.
        """
        until = datetime.fromisoformat(self.until)
        status, message = "pending", ""
        if self.operation is None:
            # What refused the request may not be listed: without a pause the task would ask again at once.
            await asyncio.sleep(self.poll_seconds)
        while True:
            try:
                status, message = await asyncio.to_thread(self._read)
            except BackupFailed as error:
                # The next read may succeed; the task reads for itself in the end.
                self.log.warning("Instance %s cannot be read: %s", self.instance, error)
                message = str(error)
            if status != "pending" or datetime.now(UTC) >= until:
                break
            await asyncio.sleep(self.poll_seconds)
        status = "timeout" if status == "pending" else status
        payload = {"status": status, "operation": self.operation, "message": message}
        yield TriggerEvent(payload)  # type: ignore[no-untyped-call]

    def _read(self) -> tuple[str, str]:
        from slipway.hooks.cloud_sql import CloudSqlBackupHook

        with closing(CloudSqlBackupHook(gcp_conn_id=self.gcp_conn_id)) as hook:
            if self.operation is None:
                operations = hook.read_operations(project_id=self.project_id, instance=self.instance)
                return self._of_instance([found for found in operations if not found.done])
            return _of_operation(hook.read_operation(project_id=self.project_id, name=self.operation))

    def _of_instance(self, unfinished: list[SqlOperation]) -> tuple[str, str]:
        if unfinished:
            return "pending", f"{unfinished[0].kind} {unfinished[0].name} holds the instance"
        if datetime.now(UTC) >= datetime.fromisoformat(self.until):
            return "timeout", "the instance is free, and Cloud SQL accepted no request"
        return "success", ""


def _of_operation(found: SqlOperation | None) -> tuple[str, str]:
    # Cloud SQL keeps operations for a time only: of a lost one, the list of backups says what became of it.
    if found is None:
        return "success", "the operation no longer exists"
    if not found.done:
        return "pending", f"operation {found.name} is {found.status}"
    return ("error", found.error) if found.error else ("success", "")
