"""Cloud Run jobs hook: begins executions of jobs that are there, reads and cancels them.

The provider's hook begins an execution too, without a bound on the call, and reads none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice
from typing import Any

from airflow.providers.google.common.hooks.base_google import GoogleBaseHook
from google.api_core import exceptions as google_errors
from google.cloud import run_v2

from slipway.exceptions import CloudRunError
from slipway.hooks.cloud_run.address import JobAddress
from slipway.hooks.google.calls import ATTEMPT_SECONDS, FAILURES, bounded, reported_as
from slipway.hooks.google.endpoint import GoogleEndpointMixin

_LOOKED_THROUGH = 200
_COMPLETED = "Completed"


@dataclass(frozen=True)
class ExecutionFacts:
    """How an execution of a job stands.

    :param done: whether it is over.
    :param tasks: tasks that it has.
    :param succeeded: those that succeeded.
    :param failed: those that failed after their retries.
    :param cancelled: those that were cancelled.
    :param retried: those that were started again.
    :param message: what Cloud Run says of its end; empty when it has nothing to say.
    """

    done: bool
    tasks: int
    succeeded: int
    failed: int
    cancelled: int
    retried: int
    message: str


class CloudRunJobHook(GoogleEndpointMixin, GoogleBaseHook):
    """Run jobs.

    :param gcp_conn_id: Airflow connection; its extra ``api_endpoints.run`` may name another address.
    """

    endpoint_name = "run"

    def begin(
        self,
        job: JobAddress,
        *,
        variables: Mapping[str, str],
        mark: str,
        tasks: int,
        timeout_seconds: float,
    ) -> str:
        """Begin an execution, unless one with the same mark was begun; return its full name.

        :param job: where the job is.
        :param variables: laid over those of the job's container.
        :param mark: the variable by whose value the execution is found again, also when the answer is lost.
        :param tasks: how many tasks it has.
        :param timeout_seconds: bound of each task, in seconds.
        :raises CloudRunError: when Cloud Run refuses, or gives no usable answer.
        """
        begun = self._find(job, mark, variables[mark])
        if begun is not None:
            return begun
        overrides = run_v2.RunJobRequest.Overrides(
            container_overrides=[
                run_v2.RunJobRequest.Overrides.ContainerOverride(
                    env=[run_v2.EnvVar(name=name, value=value) for name, value in variables.items()]
                )
            ],
            task_count=tasks,
            timeout=timedelta(seconds=timeout_seconds),
        )
        try:
            # Once: a request that was not answered may have begun one.
            operation = self._client(run_v2.JobsClient, job.location).run_job(
                request=run_v2.RunJobRequest(name=job.name, overrides=overrides),
                retry=None,
                timeout=ATTEMPT_SECONDS,
            )
        except google_errors.NotFound as error:
            raise CloudRunError(f"job {job}: does not exist; create it, see docs/staging.md") from error
        except FAILURES as error:
            begun = self._find(job, mark, variables[mark])
            if begun is None:
                raise CloudRunError(f"job {job}: cannot be run: {error}") from error
            return begun
        return str(operation.metadata.name)

    def read(self, execution: str) -> ExecutionFacts | None:
        """Read an execution; None when there is none of this name.

        :param execution: its full name.
        :raises CloudRunError: when Cloud Run refuses, or gives no usable answer.
        """
        with reported_as(CloudRunError, f"execution {_short(execution)}: cannot be read"):
            try:
                found = self._client(run_v2.ExecutionsClient, _location(execution)).get_execution(
                    name=execution, **bounded()
                )
            except google_errors.NotFound:
                return None
        said = [condition.message for condition in found.conditions if condition.type_ == _COMPLETED]
        return ExecutionFacts(
            done=bool(found.completion_time),
            tasks=found.task_count,
            succeeded=found.succeeded_count,
            failed=found.failed_count,
            cancelled=found.cancelled_count,
            retried=found.retried_count,
            message=said[0] if said else "",
        )

    def cancel(self, execution: str) -> bool:
        """Cancel an execution; return whether it ran.

        :param execution: its full name.
        :raises CloudRunError: when Cloud Run refuses, or gives no usable answer.
        """
        with reported_as(CloudRunError, f"execution {_short(execution)}: cannot be cancelled"):
            try:
                self._client(run_v2.ExecutionsClient, _location(execution)).cancel_execution(
                    name=execution, **bounded()
                )
            # It is over (gRPC and REST have different classes for the same answer), or gone.
            except (google_errors.BadRequest, google_errors.NotFound):
                return False
        return True

    def _find(self, job: JobAddress, mark: str, value: str) -> str | None:
        """Return the execution among the last ones that has this value of a variable."""
        with reported_as(CloudRunError, f"job {job}: its executions cannot be listed"):
            try:
                found = self._client(run_v2.ExecutionsClient, job.location).list_executions(
                    parent=job.name, **bounded()
                )
                executions = list(islice(found, _LOOKED_THROUGH))
            except google_errors.NotFound:
                return None
        for execution in executions:
            variables = execution.template.containers[0].env
            if any(variable.name == mark and variable.value == value for variable in variables):
                return str(execution.name)
        return None

    def _client(self, kind: type, location: str) -> Any:
        regional = f"{location}-run.googleapis.com:443" if self.is_default_universe() else None
        return self.api_client(kind, regional)


def _location(execution: str) -> str:
    return execution.split("/")[3]


def _short(execution: str) -> str:
    return execution.rpartition("/")[2]
