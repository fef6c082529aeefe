"""Cloud SQL hook: begins backups and restores, and reads their operations; it never waits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import httplib2  # type: ignore[import-untyped]
from airflow.providers.google.cloud.hooks.cloud_sql import CloudSQLHook
from google.auth.exceptions import GoogleAuthError
from googleapiclient.errors import HttpError

from slipway.analysis.infrastructure import InstanceFacts
from slipway.exceptions import BackupFailed
from slipway.hooks.google.endpoint import GoogleEndpointMixin

READ_RETRIES = 4
FAILURES = (HttpError, httplib2.HttpLib2Error, GoogleAuthError, OSError)
RESTORE = "RESTORE_VOLUME"
NOT_FOUND = 404
_OWN = ("postgres", "cloudsqladmin")


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


@dataclass(frozen=True)
class SqlOperation:
    """An administrative operation of a Cloud SQL instance.

    :param name: its name, unique in the project.
    :param kind: Cloud SQL's word, such as ``BACKUP_VOLUME`` or ``RESTORE_VOLUME``.
    :param status: ``PENDING``, ``RUNNING`` or ``DONE``.
    :param error: why it failed; empty when it did not, or is not done.
    :param backup_id: number of the backup run that it makes; None for every other kind.
    """

    name: str
    kind: str
    status: str
    error: str
    backup_id: str | None

    @classmethod
    def of(cls, resource: dict[str, Any]) -> SqlOperation:
        """Read an operation as the API gives it."""
        errors = resource.get("error", {}).get("errors", [])
        backup_id = resource.get("backupContext", {}).get("backupId")
        return cls(
            name=resource["name"],
            kind=resource["operationType"],
            status=resource.get("status", "SQL_OPERATION_STATUS_UNSPECIFIED"),
            error="; ".join(str(error.get("message", error)) for error in errors),
            backup_id=None if backup_id is None else str(backup_id),
        )

    @property
    def done(self) -> bool:
        """Whether it has ended, well or not."""
        return self.status == "DONE"


@dataclass(frozen=True)
class SqlInstance:
    """A Cloud SQL instance.

    :param name: short name.
    :param state: Cloud SQL's word: ``RUNNABLE``, ``PENDING_CREATE``, ...
    :param connection_name: ``<project>:<region>:<name>``.
    :param addresses: its IP addresses.
    """

    name: str
    state: str
    connection_name: str
    addresses: tuple[str, ...]

    @classmethod
    def of(cls, resource: dict[str, Any]) -> SqlInstance:
        """Read an instance as the API gives it."""
        return cls(
            name=resource["name"],
            state=resource.get("state", "SQL_INSTANCE_STATE_UNSPECIFIED"),
            connection_name=resource.get("connectionName", ""),
            addresses=tuple(found["ipAddress"] for found in resource.get("ipAddresses", ())),
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

    def instance_facts(self, *, project_id: str, instance: str) -> InstanceFacts | None:
        """Read how an instance is protected, and its disk; None when there is none of this name.

        :param project_id: Google Cloud project.
        :param instance: short name.
        :raises BackupFailed: when Cloud SQL refuses, or gives no usable answer.
        """
        found = self._instance(project_id, instance)
        if found is None:
            return None
        settings = found["settings"]
        backups = settings.get("backupConfiguration", {})
        return InstanceFacts(
            state=found.get("state", "SQL_INSTANCE_STATE_UNSPECIFIED"),
            availability=settings.get("availabilityType", "SQL_AVAILABILITY_TYPE_UNSPECIFIED"),
            backups=bool(backups.get("enabled")),
            point_in_time_recovery=bool(backups.get("pointInTimeRecoveryEnabled")),
            disk_bytes=int(settings["dataDiskSizeGb"]) * 2**30,
            disk_grows=bool(settings.get("storageAutoResize")),
        )

    def find_instance(self, *, project_id: str, instance: str) -> SqlInstance | None:
        """Read an instance; None when there is none of this name.

        :param project_id: Google Cloud project.
        :param instance: short name.
        :raises BackupFailed: when Cloud SQL refuses, or gives no usable answer.
        """
        found = self._instance(project_id, instance)
        return None if found is None else SqlInstance.of(found)

    def _instance(self, project_id: str, instance: str) -> dict[str, Any] | None:
        request = self.get_conn().instances().get(project=project_id, instance=instance)
        return self._find(request, f"instance {instance} ({project_id}): cannot read it")

    def list_databases(self, *, project_id: str, instance: str) -> list[str]:
        """List the databases of an instance that are not the server's own.

        :param project_id: Google Cloud project.
        :param instance: short name.
        :raises BackupFailed: when Cloud SQL refuses, or gives no usable answer.
        """
        request = self.get_conn().databases().list(project=project_id, instance=instance)
        answer = self._read(request, f"instance {instance} ({project_id}): cannot list its databases")
        return sorted(found["name"] for found in answer.get("items", []) if found["name"] not in _OWN)

    def begin_create(self, *, project_id: str, instance: str, like: str) -> str | None:
        """Ask for an empty instance with the version, region and settings of another one.

        :param project_id: Google Cloud project of both.
        :param instance: short name of the new instance.
        :param like: short name of the other one.
        :return: name of the operation; None when it has not begun, or no usable answer came: then the
            instance is there all the same, or not.
        :raises BackupFailed: when Cloud SQL refuses, or gives no usable answer.
        """
        doing = f"instance {instance} ({project_id}): cannot create it like {like}"
        instances = self.get_conn().instances()
        model = self._read(instances.get(project=project_id, instance=like), doing)
        # The version of the settings is the other instance's own.
        settings = {key: value for key, value in model["settings"].items() if key != "settingsVersion"}
        body = {key: model[key] for key in ("region", "databaseVersion")}
        return self._ask(
            instances.insert(project=project_id, body={**body, "name": instance, "settings": settings}), doing
        )

    def read_operation(self, *, project_id: str, name: str) -> SqlOperation | None:
        """Read an operation; None when Cloud SQL no longer knows it.

        :param project_id: Google Cloud project.
        :param name: its name.
        :raises BackupFailed: when Cloud SQL refuses, or gives no usable answer.
        """
        request = self.get_conn().operations().get(project=project_id, operation=name)
        found = self._find(request, f"operation {name} ({project_id}): cannot read it")
        return None if found is None else SqlOperation.of(found)

    def read_operations(self, *, project_id: str, instance: str) -> list[SqlOperation]:
        """List an instance's latest operations, those that are done included.

        :param project_id: Google Cloud project.
        :param instance: short name.
        :raises BackupFailed: when Cloud SQL refuses, or gives no usable answer.
        """
        request = self.get_conn().operations().list(project=project_id, instance=instance, maxResults=100)
        answer = self._read(request, f"instance {instance} ({project_id}): cannot list its operations")
        return [SqlOperation.of(item) for item in answer.get("items", [])]

    def begin_backup(self, *, project_id: str, instance: str, description: str) -> str | None:
        """Ask for a backup.

        :param project_id: Google Cloud project.
        :param instance: short name.
        :param description: what the backup is for, unique to it: the release.
        :return: name of the operation. None when the instance is busy or no usable answer came: then the
            request may have been accepted all the same, and the list of backups shows it.
        :raises BackupFailed: when Cloud SQL refuses.
        """
        doing = f"instance {instance} ({project_id}): cannot back up for {description!r}"
        body = {"kind": "sql#backupRun", "description": description}
        runs = self.get_conn().backupRuns()
        return self._ask(runs.insert(project=project_id, instance=instance, body=body), doing)

    def begin_export(self, *, project_id: str, instance: str, database: str, uri: str) -> str | None:
        """Ask for a database to be written to a bucket, by a machine of its own: the instance is not loaded.

        :param project_id: Google Cloud project.
        :param instance: short name.
        :param database: name of the database.
        :param uri: ``gs://`` address of the object; one that ends in ``.gz`` is compressed.
        :return: name of the operation. None when the instance is busy or no usable answer came: then the
            request may have been accepted all the same, and the object shows it.
        :raises BackupFailed: when Cloud SQL refuses.
        """
        doing = f"instance {instance} ({project_id}): cannot export {database} to {uri}"
        context = {
            "kind": "sql#exportContext",
            "fileType": "SQL",
            "uri": uri,
            "databases": [database],
            "offload": True,
        }
        instances = self.get_conn().instances()
        return self._ask(
            instances.export(project=project_id, instance=instance, body={"exportContext": context}), doing
        )

    def begin_delete_backup(self, *, project_id: str, instance: str, backup: str) -> bool:
        """Ask for a backup to be deleted; done again it changes nothing.

        :param project_id: Google Cloud project.
        :param instance: short name.
        :param backup: id of the backup run.
        :return: False when the instance is busy or no usable answer came: ask again later.
        :raises BackupFailed: when Cloud SQL refuses.
        """
        doing = f"instance {instance} ({project_id}): cannot delete backup {backup}"
        try:
            request = self.get_conn().backupRuns().delete(project=project_id, instance=instance, id=backup)
            return self._ask(request, doing) is not None
        except BackupFailed as error:
            if isinstance(error.__cause__, HttpError) and error.__cause__.resp.status == NOT_FOUND:
                return True
            raise

    def begin_restore(
        self,
        *,
        project_id: str,
        instance: str,
        backup_run_id: str,
        source_instance: str | None = None,
        source_project_id: str | None = None,
    ) -> str | None:
        """Ask for an instance's data to be replaced by a backup. Writes since the backup are lost.

        A restore whose answer got lost is found among the instance's operations: asking for it again could
        undo writes made after it.

        :param project_id: Google Cloud project.
        :param instance: short name of the instance to overwrite.
        :param backup_run_id: id of the backup run.
        :param source_instance: instance that the backup is of, when it is another one.
        :param source_project_id: project of that instance, when it is another one.
        :return: name of the operation; None when it has not begun, because the instance is busy or the
            request got lost.
        :raises BackupFailed: when Cloud SQL refuses, or gives no usable answer.
        """
        context = {
            "kind": "sql#restoreBackupContext",
            "backupRunId": backup_run_id,
            "instanceId": source_instance or instance,
            "project": source_project_id or project_id,
        }
        earlier = self._restores(project_id, instance)
        request = (
            self.get_conn()
            .instances()
            .restoreBackup(project=project_id, instance=instance, body={"restoreBackupContext": context})
        )
        doing = f"instance {instance} ({project_id}): cannot restore backup {backup_run_id}"
        return self._ask(request, doing) or min(self._restores(project_id, instance) - earlier, default=None)

    def _restores(self, project_id: str, instance: str) -> set[str]:
        operations = self.read_operations(project_id=project_id, instance=instance)
        return {operation.name for operation in operations if operation.kind == RESTORE}

    def _ask(self, request: Any, doing: str) -> str | None:
        """Send a request that begins an operation; return its name.

        None means: not accepted because the instance is busy, or no usable answer. It may have been
        accepted even then, also because ``httplib2`` repeats a request by itself when the connection breaks.
        """
        try:
            return str(request.execute(num_retries=0)["name"])
        except HttpError as error:
            # 409: another administrative operation holds the instance. Cloud SQL runs one at a time.
            if error.resp.status not in {409, 429} and error.resp.status < 500:
                raise BackupFailed(f"{doing}: {error}") from error
            self.log.info("%s yet, the instance is busy: %s", doing, error)
        except FAILURES as error:
            self.log.info("%s: no answer (%s); checking whether the request was accepted", doing, error)
        return None

    def _find(self, request: Any, doing: str) -> dict[str, Any] | None:
        try:
            return self._read(request, doing)
        except BackupFailed as error:
            if isinstance(error.__cause__, HttpError) and error.__cause__.resp.status == NOT_FOUND:
                return None
            raise

    @staticmethod
    def _read(request: Any, doing: str) -> dict[str, Any]:
        try:
            answer: dict[str, Any] = request.execute(num_retries=READ_RETRIES)
        except FAILURES as error:
            raise BackupFailed(f"{doing}: {error}") from error
        return answer
