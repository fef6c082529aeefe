"""Before the phases: check the request, record the way back."""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import TaskGroup, XComArg

from slipway.operators.database import CheckSchemaOperator
from slipway.operators.metrics import CheckMetricsOperator
from slipway.operators.preflight import OpenReleaseOperator, ValidateRequestOperator


def preflight() -> tuple[TaskGroup, XComArg]:
    """Check request, metrics and schema, changing nothing; then record what serves and take the lease.

    Return the group, and the keys of the release's services for tasks that are mapped over them.

    A refusal stays one however often it is tried, so these tasks are not retried; their hooks retry what is
    worth it.
    """
    with TaskGroup("preflight", tooltip="Check the request, record the way back") as group:
        validate = ValidateRequestOperator(task_id="validate_request", execution_timeout=timedelta(minutes=5))
        check = CheckMetricsOperator(
            task_id="check_metrics",
            validated=validate.output,
            retries=0,
            execution_timeout=timedelta(minutes=5),
        )
        schema = CheckSchemaOperator(
            task_id="check_schema",
            validated=validate.output,
            retries=0,
            execution_timeout=timedelta(minutes=5),
        )
        opened = OpenReleaseOperator(
            task_id="open_release",
            validated=validate.output,
            retries=0,
            execution_timeout=timedelta(minutes=5),
        )
        validate >> [check, schema] >> opened
    return group, opened.output
