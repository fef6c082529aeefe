"""Cloud SQL Admin (v1beta4 and v1), served to the official client: instances, backups, restores, operations.

A backup is a real dump of the instance's database, a restore really replaces what is in it.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.cloud.api_errors import ApiError
from sandbox.cloud.sql_admin import backup as sql_backup
from sandbox.cloud.sql_admin import instances as sql_instances
from sandbox.cloud.sql_admin.instances import INSTANCES, Instance
from sandbox.cloud.storage.buckets import BucketStore
from sandbox.supervisor.settings import LOCATION, Settings

Resource = dict[str, Any]


class SqlAdminError(Exception):
    """An answer with an error, in the form this API has.

    :param code: HTTP status.
    :param reason: machine-readable reason (``operationInProgress``).
    :param message: what is wrong, for people.
    """

    def __init__(self, code: int, reason: str, message: str) -> None:
        super().__init__(message)
        self.code, self.reason, self.message = code, reason, message

    def response(self) -> JSONResponse:
        """Return the error as HTTP answer."""
        detail = {"message": self.message, "domain": "global", "reason": self.reason}
        body = {"error": {"code": self.code, "message": self.message, "errors": [detail]}}
        return JSONResponse(body, status_code=self.code)


class CloudSql:
    """The instances with their backups and operations, kept in ``<home>/data/backups``.

    :param settings: the sandbox.
    :param instances: instance name to what it is.
    :param buckets: where exports go; by default the sandbox's own.
    """

    def __init__(
        self,
        settings: Settings,
        instances: Mapping[str, Instance] = INSTANCES,
        buckets: BucketStore | None = None,
    ) -> None:
        self._settings = settings
        self._buckets = buckets or BucketStore(settings.data / "storage")
        self._instances = dict(instances)
        self._creating: set[str] = set()
        self._folder = settings.data / "backups"
        self._index = self._folder / "index.json"
        self._backups: dict[str, Resource] = {}
        self._operations: dict[str, Resource] = {}
        # Keeping a reference is what keeps a task alive.
        self._tasks: set[asyncio.Task[None]] = set()
        self._load()

    def routes(self) -> list[Route]:
        """Routes under both path prefixes that clients of this API use."""
        table: list[tuple[str, str, Callable[[Request], Awaitable[Resource]]]] = [
            ("GET", "/instances", self._list_instances),
            ("POST", "/instances", self._insert_instance),
            ("GET", "/instances/{instance}", self._get_instance),
            ("GET", "/instances/{instance}/databases", self._list_databases),
            ("POST", "/instances/{instance}/restoreBackup", self._restore_backup),
            ("POST", "/instances/{instance}/export", self._export),
            ("POST", "/instances/{instance}/backupRuns", self._insert_backup),
            ("GET", "/instances/{instance}/backupRuns", self._list_backups),
            ("GET", "/instances/{instance}/backupRuns/{id}", self._get_backup),
            ("DELETE", "/instances/{instance}/backupRuns/{id}", self._delete_backup),
            ("GET", "/operations", self._list_operations),
            ("GET", "/operations/{operation}", self._get_operation),
        ]
        return [
            Route(f"{prefix}/projects/{{project}}{path}", _endpoint(handler), methods=[verb])
            for prefix in ("/sql/v1beta4", "/v1")
            for verb, path, handler in table
        ]

    async def _list_instances(self, request: Request) -> Resource:
        project = request.path_params["project"]
        names = [name for name, instance in self._instances.items() if instance.project == project]
        return {
            "kind": "sql#instancesList",
            "items": [self._resource(name) for name in names],
        }

    async def _get_instance(self, request: Request) -> Resource:
        return self._resource(self._instance(request))

    async def _list_databases(self, request: Request) -> Resource:
        name = self._instance(request)
        own = {"kind": "sql#database", "instance": name, "project": self._instances[name].project}
        names = ("postgres", self._instances[name].database)
        return {"kind": "sql#databasesList", "items": [{**own, "name": one} for one in names]}

    def _resource(self, name: str) -> Resource:
        state = "PENDING_CREATE" if name in self._creating else "RUNNABLE"
        return sql_instances.resource(name, self._instances[name]) | {"state": state}

    async def _insert_instance(self, request: Request) -> Resource:
        body, project = await _json(request), request.path_params["project"]
        name = str(body.get("name", ""))
        missing = [key for key in ("name", "region", "databaseVersion", "settings") if not body.get(key)]
        if missing or not sql_instances.is_name(name):
            raise SqlAdminError(
                400, "invalid", f"Instance {name!r}: missing or invalid: {missing or 'name'}."
            )
        if name in self._instances:
            raise SqlAdminError(
                409, "instanceAlreadyExists", f"The Cloud SQL instance {name} already exists."
            )
        database = name.replace("-", "_")
        disk = int(body["settings"].get("dataDiskSizeGb") or Instance.disk_gb)
        self._instances[name] = Instance(project, database, disk)
        self._creating.add(name)
        operation = self._begin(name, "CREATE")

        async def work() -> None:
            await sql_backup.create(self._settings, database)
            self._creating.discard(name)

        return self._run(operation, work)

    async def _insert_backup(self, request: Request) -> Resource:
        name = self._instance(request)
        body = await _json(request)
        operation = self._begin(name, "BACKUP")
        last = max(map(int, self._backups), default=0)
        identifier = str(max(time.time_ns() // 1_000_000, last + 1))
        backup: Resource = {
            "kind": "sql#backupRun",
            "id": identifier,
            "instance": name,
            "type": "ON_DEMAND",
            "backupKind": "SNAPSHOT",
            "status": "RUNNING",
            "location": LOCATION,
            "description": body.get("description", ""),
            "databaseVersion": sql_instances.database_version(),
            "enqueuedTime": _now(),
            "startTime": _now(),
        }
        self._backups[identifier] = backup
        operation["backupContext"] = {"kind": "sql#backupContext", "backupId": identifier}
        database, path = self._instances[name].database, self._folder / f"{identifier}.dump"

        async def work() -> None:
            try:
                await sql_backup.back_up(self._settings, database, path)
            except BaseException as error:
                backup.update(status="FAILED", endTime=_now(), error=_error(error))
                raise
            backup.update(status="SUCCESSFUL", endTime=_now(), maxChargeableBytes=str(path.stat().st_size))

        return self._run(operation, work)

    async def _restore_backup(self, request: Request) -> Resource:
        name = self._instance(request)
        context = (await _json(request)).get("restoreBackupContext") or {}
        identifier = str(context.get("backupRunId", ""))
        source = context.get("instanceId") or name
        backup = self._backups.get(identifier)
        if backup is None or backup["instance"] != source:
            raise SqlAdminError(
                404, "backupRunDoesNotExist", f"Backup run {identifier} of {source} not found."
            )
        if backup["status"] != "SUCCESSFUL":
            raise SqlAdminError(400, "invalid", f"Backup run {identifier} is {backup['status']}.")
        refused = sql_instances.too_small(self._instances[name], self._instances[source])
        if refused is not None:
            raise SqlAdminError(400, "invalid", refused)
        operation = self._begin(name, "RESTORE_VOLUME")
        database, path = self._instances[name].database, self._folder / f"{identifier}.dump"
        return self._run(operation, lambda: sql_backup.restore(self._settings, database, path))

    async def _export(self, request: Request) -> Resource:
        name = self._instance(request)
        context = (await _json(request)).get("exportContext") or {}
        bucket, _, target = str(context.get("uri", "")).removeprefix("gs://").partition("/")
        if not str(context.get("uri", "")).startswith("gs://") or not target:
            raise SqlAdminError(400, "invalid", "exportContext.uri must be gs://bucket/object.")
        if context.get("fileType") != "SQL":
            raise SqlAdminError(400, "invalid", "exportContext.fileType: the stand-in writes SQL alone.")
        databases = context.get("databases") or []
        if len(databases) != 1 or databases[0] not in {self._instances[name].database, "postgres"}:
            raise SqlAdminError(400, "invalid", "PostgreSQL: exactly one database is exported.")
        operation = self._begin(name, "EXPORT")

        async def work() -> None:
            path = self._folder / f"{operation['name']}.sql"
            try:
                content = await sql_backup.export(self._settings, databases[0], path)
            finally:
                path.unlink(missing_ok=True)
            try:
                self._buckets.write(
                    bucket,
                    target,
                    gzip.compress(content) if target.endswith(".gz") else content,
                    content_type="application/octet-stream",
                    metadata={},
                    expected=None,
                )
            except ApiError as error:
                raise sql_backup.BackupError(f"gs://{bucket}/{target} cannot be written: {error}") from error

        return self._run(operation, work)

    async def _list_backups(self, request: Request) -> Resource:
        name = self._instance(request)
        mine = [backup for backup in self._backups.values() if backup["instance"] == name]
        items = sorted(mine, key=lambda backup: int(backup["id"]), reverse=True)
        return {"kind": "sql#backupRunsList", "items": items}

    async def _get_backup(self, request: Request) -> Resource:
        name, identifier = self._instance(request), request.path_params["id"]
        backup = self._backups.get(identifier)
        if backup is None or backup["instance"] != name:
            raise SqlAdminError(404, "backupRunDoesNotExist", f"Backup run {identifier} of {name} not found.")
        return backup

    async def _delete_backup(self, request: Request) -> Resource:
        backup = await self._get_backup(request)
        operation = self._begin(backup["instance"], "DELETE_BACKUP")

        async def work() -> None:
            (self._folder / f"{backup['id']}.dump").unlink(missing_ok=True)
            del self._backups[backup["id"]]

        return self._run(operation, work)

    async def _list_operations(self, request: Request) -> Resource:
        project, name = request.path_params["project"], request.query_params.get("instance")
        items = [
            operation
            for operation in reversed(self._operations.values())
            if operation["targetProject"] == project and name in {None, operation["targetId"]}
        ]
        return {"kind": "sql#operationsList", "items": items}

    async def _get_operation(self, request: Request) -> Resource:
        name = request.path_params["operation"]
        operation = self._operations.get(name)
        if operation is None or operation["targetProject"] != request.path_params["project"]:
            raise SqlAdminError(404, "operationDoesNotExist", f"Operation {name} does not exist.")
        return operation

    def _instance(self, request: Request) -> str:
        name, project = request.path_params["instance"], request.path_params["project"]
        if name not in self._instances or self._instances[name].project != project:
            raise SqlAdminError(
                404, "instanceDoesNotExist", f"The Cloud SQL instance {project}:{name} does not exist."
            )
        return str(name)

    def _begin(self, name: str, kind: str) -> Resource:
        """Open an operation on an instance.

        :raises SqlAdminError: 409 ``operationInProgress`` while another one runs on it.
        """
        for other in self._operations.values():
            if other["targetId"] == name and other["status"] != "DONE":
                raise SqlAdminError(
                    409,
                    "operationInProgress",
                    "Operation failed because another operation was already in progress. "
                    f"{other['operationType']} {other['name']} runs on {name}; try again when it is done.",
                )
        operation: Resource = {
            "kind": "sql#operation",
            "name": str(uuid.uuid4()),
            "operationType": kind,
            "status": "PENDING",
            "targetId": name,
            "targetProject": self._instances[name].project,
            "user": "sandbox",
            "insertTime": _now(),
        }
        self._operations[operation["name"]] = operation
        return operation

    def _run(self, operation: Resource, work: Callable[[], Awaitable[None]]) -> Resource:
        """Start the operation's work and return the operation as it is now."""

        async def run() -> None:
            operation.update(status="RUNNING", startTime=_now())
            try:
                await work()
            except sql_backup.BackupError as error:
                operation["error"] = {"kind": "sql#operationErrors", "errors": [_error(error)]}
            except BaseException as error:
                operation["error"] = {"kind": "sql#operationErrors", "errors": [_error(error)]}
                raise
            finally:
                operation.update(status="DONE", endTime=_now())
                self._save()

        answer = dict(operation)
        self._save()
        task = asyncio.create_task(run(), name=f"sql-{operation['name']}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return answer

    def _load(self) -> None:
        if not self._index.exists():
            return
        stored = json.loads(self._index.read_text())
        self._backups, self._operations = stored["backups"], stored["operations"]
        self._instances |= {name: Instance(**made) for name, made in stored.get("instances", {}).items()}
        interrupted = {"kind": "sql#operationError", "code": "INTERNAL_ERROR", "message": "server restarted"}
        for backup in self._backups.values():
            if backup["status"] == "RUNNING":
                backup.update(status="FAILED", endTime=_now(), error=interrupted)
        for operation in self._operations.values():
            if operation["status"] != "DONE":
                errors = {"kind": "sql#operationErrors", "errors": [interrupted]}
                operation.update(status="DONE", endTime=_now(), error=errors)

    def _save(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        draft = self._index.with_suffix(".draft")
        made = {name: asdict(found) for name, found in self._instances.items() if name not in INSTANCES}
        kept = {"backups": self._backups, "operations": self._operations, "instances": made}
        draft.write_text(json.dumps(kept))
        draft.replace(self._index)


def _endpoint(
    handler: Callable[[Request], Awaitable[Resource]],
) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        try:
            return JSONResponse(await handler(request))
        except SqlAdminError as error:
            return error.response()

    return endpoint


async def _json(request: Request) -> Resource:
    content = await request.body()
    try:
        body = json.loads(content or b"{}")
    except ValueError as error:
        raise SqlAdminError(400, "parseError", f"The body is not JSON: {error}") from error
    if not isinstance(body, dict):
        raise SqlAdminError(400, "parseError", "The body is not a JSON object.")
    return body


def _error(error: BaseException) -> Resource:
    return {"kind": "sql#operationError", "code": "INTERNAL_ERROR", "message": str(error) or repr(error)}


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
