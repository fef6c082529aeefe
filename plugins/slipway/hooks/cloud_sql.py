"""The door to Cloud SQL's backups: one per release, found again by its description."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import httplib2  # type: ignore[import-untyped]
from airflow.providers.google.cloud.hooks.cloud_sql import CloudSQLHook
from google.auth.exceptions import GoogleAuthError
from googleapiclient.errors import HttpError

from slipway.exceptions import BackupFailed
from slipway.hooks.deadline import Deadline
from slipway.hooks.google.endpoint import GoogleEndpointMixin

POLL_SECONDS = 1.0
READ_RETRIES = 4
FAILURES = (HttpError, httplib2.HttpLib2Error, GoogleAuthError, OSError)
DONE = "SUCCESSFUL"
UNDER_WAY = frozenset({"ENQUEUED", "RUNNING"})


@dataclass(frozen=True)
class BackupRun:
    """A backup of a Cloud SQL instance.

    :param id: number of the backup run.
    :param description: what it was made for.
    :param status: Cloud SQL's word: ``SUCCESSFUL``, ``ENQUEUED``, ``RUNNING``, ``FAILED``, ``DELETED``, ...
    :param started_at: start as RFC 3339 text, empty before it.
    :param ended_at: end as RFC 3339 text, empty before it.
    :param error: why it failed, empty when it did not.
    """

    id: str
    description: str
    status: str
    started_at: str
    ended_at: str
    error: str

    @classmethod
    def of(cls, resource: dict[str, Any]) -> BackupRun:
        """Read a backup run as the API gives it."""
        return cls(
            id=str(resource["id"]),
            description=resource.get("description", ""),
            status=resource.get("status", "SQL_BACKUP_RUN_STATUS_UNSPECIFIED"),
            started_at=resource.get("startTime", ""),
            ended_at=resource.get("endTime", ""),
            error=resource.get("error", {}).get("message", ""),
        )


class CloudSqlBackupHook(GoogleEndpointMixin, CloudSQLHook):
    """Back up Cloud SQL instances and restore them.

    :param gcp_conn_id: Airflow connection; its extra ``api_endpoints.sqladmin`` may name another address.
    :param impersonation_chain: service accounts to impersonate, as in ``GoogleBaseHook``.
    """

    endpoint_name = "sqladmin"

    def __init__(
        self,
        gcp_conn_id: str = "google_cloud_default",
        impersonation_chain: str | Sequence[str] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            api_version="v1beta4", gcp_conn_id=gcp_conn_id, impersonation_chain=impersonation_chain, **kwargs
        )

    def close(self) -> None:
        """Close the connection to Cloud SQL."""
        if self._conn is not None:
            self._conn.close()

    def list_backups(self, *, project_id: str, instance: str) -> list[BackupRun]:
        """List an instance's backups, newest first.

        :param project_id: Google Cloud project.
        :param instance: short name.
        :raises BackupFailed: when Cloud SQL refuses, or gives no usable answer.
        """
        runs = self.get_conn().backupRuns()
        found: list[BackupRun] = []
        request = runs.list(project=project_id, instance=instance)
        while request is not None:
            answer = self._read(request, f"instance {instance} ({project_id}): cannot list its backups")
            found += [BackupRun.of(item) for item in answer.get("items", [])]
            request = runs.list_next(previous_request=request, previous_response=answer)
        return sorted(found, key=lambda run: int(run.id), reverse=True)

    def disk_bytes(self, *, project_id: str, instance: str) -> int:
        """Return the size of an instance's data disk.

        :param project_id: Google Cloud project.
        :param instance: short name.
        :raises BackupFailed: when Cloud SQL refuses, or gives no usable answer.
        """
        request = self.get_conn().instances().get(project=project_id, instance=instance)
        settings = self._read(request, f"instance {instance} ({project_id}): cannot read it")["settings"]
        return int(settings["dataDiskSizeGb"]) * 2**30

    def create_backup(
        self, *, project_id: str, instance: str, description: str, timeout: float = 1800.0
    ) -> str:
        """Return the id of the successful backup with this description, making it when there is none.

        A backup under way with this description is waited for. While another operation holds the instance
        this one waits its turn. An answer that got lost is looked for in the list before asking again.

        :param project_id: Google Cloud project.
        :param instance: short name.
        :param description: what the backup is for, unique to it: the release.
        :param timeout: bound of the whole call, in seconds.
        :raises BackupFailed: when the backup fails, is not done in time, or Cloud SQL refuses.
        """
        if not description:
            raise BackupFailed(f"instance {instance}: a backup needs a description to be found again by")
        deadline = Deadline(timeout)
        doing = f"instance {instance} ({project_id}): cannot back up for {description!r}"
        given_up: set[str] | None = None
        while True:
            runs = self.list_backups(project_id=project_id, instance=instance)
            runs = [run for run in runs if run.description == description]
            if given_up is None:
                given_up = {run.id for run in runs if run.status not in {*UNDER_WAY, DONE}}
            run = next((run for run in runs if run.id not in given_up), None)
            if run is None:
                backup_run_id = self._insert_backup(project_id, instance, description, doing, deadline)
                if backup_run_id is not None:
                    return backup_run_id
            elif run.status == DONE:
                return run.id
            elif run.status not in UNDER_WAY:
                raise BackupFailed(
                    f"{doing}: backup {run.id} is {run.status}: {run.error or 'no reason given'}"
                )
            if deadline.passed:
                why = (
                    "another operation holds the instance"
                    if run is None
                    else f"backup {run.id} is {run.status}"
                )
                raise BackupFailed(f"{doing}: not done in {timeout:g} s; {why}")
            deadline.pause(POLL_SECONDS)

    def restore_backup(
        self,
        *,
        project_id: str,
        instance: str,
        backup_run_id: str,
        source_instance: str | None = None,
        source_project_id: str | None = None,
        timeout: float = 1800.0,
    ) -> None:
        """Replace an instance's data by a backup. Writes since the backup are lost; the last resort.

        A restore whose answer got lost is found among the instance's operations and followed: asking for it
        again could undo writes made after it.

        :param project_id: Google Cloud project.
        :param instance: short name of the instance to overwrite.
        :param backup_run_id: id of the backup run.
        :param source_instance: instance that the backup is of, when it is another one.
        :param source_project_id: project of that instance, when it is another one.
        :param timeout: bound of the whole call, in seconds.
        :raises BackupFailed: when the restore fails, is not done in time, or Cloud SQL refuses.
        """
        deadline = Deadline(timeout)
        doing = f"instance {instance} ({project_id}): cannot restore backup {backup_run_id}"
        context = {
            "kind": "sql#restoreBackupContext",
            "backupRunId": backup_run_id,
            "instanceId": source_instance or instance,
            "project": source_project_id or project_id,
        }
        instances = self.get_conn().instances()
        body = {"restoreBackupContext": context}
        earlier = self._restores(project_id, instance, doing)
        while True:
            request = instances.restoreBackup(project=project_id, instance=instance, body=body)
            operation = self._ask(request, doing)
            begun = {operation} if operation else self._restores(project_id, instance, doing) - earlier
            if begun:
                break
            if deadline.passed:
                raise BackupFailed(
                    f"{doing}: not begun in {timeout:g} s; another operation holds the instance"
                )
            deadline.pause(POLL_SECONDS)
        self._await(project_id, min(begun), doing, deadline)

    def _restores(self, project_id: str, instance: str, doing: str) -> set[str]:
        """Names of the instance's latest restore operations, finished ones included."""
        request = self.get_conn().operations().list(project=project_id, instance=instance, maxResults=100)
        items = self._read(request, doing).get("items", [])
        return {item["name"] for item in items if item["operationType"] == "RESTORE_VOLUME"}

    def _insert_backup(
        self, project_id: str, instance: str, description: str, doing: str, deadline: Deadline
    ) -> str | None:
        """Ask for a backup; return its id when it is done, None when the list must tell what became of it."""
        body = {"kind": "sql#backupRun", "description": description}
        runs = self.get_conn().backupRuns()
        operation = self._ask(runs.insert(project=project_id, instance=instance, body=body), doing)
        if operation is None:
            return None
        done = self._await(project_id, operation, doing, deadline)
        backup_run_id = done.get("backupContext", {}).get("backupId")
        return None if backup_run_id is None else str(backup_run_id)

    def _ask(self, request: Any, doing: str) -> str | None:
        """Send a request that begins an operation; return its name.

        None means: not taken because the instance is busy, or no usable answer. It may have been taken even
        then, also because ``httplib2`` sends a request again by itself when the connection breaks.
        """
        try:
            return str(request.execute(num_retries=0)["name"])
        except HttpError as error:
            # 409: another administrative operation holds the instance. Cloud SQL runs one at a time.
            if error.resp.status not in {409, 429} and error.resp.status < 500:
                raise BackupFailed(f"{doing}: {error}") from error
            self.log.info("%s yet: %s", doing, error)
        except FAILURES as error:
            self.log.info("%s yet: no answer (%s); looking whether it was taken", doing, error)
        return None

    def _await(self, project_id: str, operation: str, doing: str, deadline: Deadline) -> dict[str, Any]:
        request = self.get_conn().operations().get(project=project_id, operation=operation)
        while True:
            state = self._read(request, doing)
            if state.get("status") == "DONE":
                errors = state.get("error", {}).get("errors", [])
                if errors:
                    raise BackupFailed(f"{doing}: {'; '.join(str(e.get('message', e)) for e in errors)}")
                return state
            if deadline.passed:
                raise BackupFailed(
                    f"{doing}: operation {operation} is {state.get('status')} after {deadline.seconds:g} s"
                )
            deadline.pause(POLL_SECONDS)

    @staticmethod
    def _read(request: Any, doing: str) -> dict[str, Any]:
        try:
            answer: dict[str, Any] = request.execute(num_retries=READ_RETRIES)
        except FAILURES as error:
            raise BackupFailed(f"{doing}: {error}") from error
        return answer
