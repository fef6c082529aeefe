"""The jobs of the Cloud Run Admin API v2, served to the official clients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from google.cloud import run_v2
from google.cloud.run_v2.services.executions.transports.rest_base import _BaseExecutionsRestTransport
from google.cloud.run_v2.services.jobs.transports.rest_base import _BaseJobsRestTransport
from starlette.routing import Route

from sandbox.cloud import transcoding
from sandbox.cloud.operations import OperationStore
from sandbox.cloud.run.api import page
from sandbox.cloud.run.executions import Executions
from sandbox.cloud.run.jobs import JobStore


class JobsApi:
    """Methods of the Jobs and Executions interfaces. What the project does not use has no route.

    :param store: the jobs and executions.
    :param operations: the operations.
    :param executions: runs executions.
    :param save: called after every change of state that a restart must know.
    """

    def __init__(
        self, store: JobStore, operations: OperationStore, executions: Executions, save: Callable[[], None]
    ) -> None:
        self._store = store
        self._operations = operations
        self._executions = executions
        self._save = save

    def routes(self) -> list[Route]:
        """Routes as the official clients address them."""
        jobs: dict[str, tuple[Any, Callable[[Any], Any]]] = {
            "CreateJob": (run_v2.CreateJobRequest, self._create),
            "GetJob": (run_v2.GetJobRequest, lambda r: self._store.job(r.name)),
            "DeleteJob": (run_v2.DeleteJobRequest, self._delete),
            "RunJob": (run_v2.RunJobRequest, self._run),
        }
        executions: dict[str, tuple[Any, Callable[[Any], Any]]] = {
            "GetExecution": (run_v2.GetExecutionRequest, lambda r: self._store.execution(r.name)),
            "ListExecutions": (run_v2.ListExecutionsRequest, self._list),
            "CancelExecution": (run_v2.CancelExecutionRequest, lambda r: self._executions.cancel(r.name)),
        }
        return [
            *transcoding.routes(_BaseJobsRestTransport, jobs),
            *transcoding.routes(_BaseExecutionsRestTransport, executions),
        ]

    async def _create(self, request: Any) -> Any:
        job = self._store.create(request.parent, request.job_id, request.job, request.validate_only)
        self._save()
        return self._operations.done(request.parent, job)

    async def _delete(self, request: Any) -> Any:
        job = self._store.delete(request.name, request.etag)
        self._save()
        return self._operations.done(request.name.partition("/jobs/")[0], job)

    async def _run(self, request: Any) -> Any:
        execution = self._store.run(request.name, request.etag, request.overrides, request.validate_only)
        if request.validate_only:
            return self._operations.done(request.name.partition("/jobs/")[0], execution)
        return self._executions.begin(execution)

    def _list(self, request: Any) -> Any:
        found, token = page(self._store.executions(request.parent), request)
        return run_v2.ListExecutionsResponse(executions=found, next_page_token=token)
