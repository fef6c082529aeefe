"""Before the phases: check the request, record the way back."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from airflow.sdk import TaskGroup, XComArg

from slipway.operators.database import CheckSchemaOperator
from slipway.operators.load_balancer import CheckLoadBalancerOperator
from slipway.operators.metrics import CheckMetricsOperator
from slipway.operators.preflight import OpenReleaseOperator, ValidateRequestOperator
from slipway.operators.regions import FirstOrLaterRegionOperator


def preflight(*, first: Sequence[str], later: str) -> tuple[TaskGroup, XComArg]:
    """Check request, metrics, schema and load balancer, changing nothing; then record what serves and take
    the lease.

    Return the group, and the keys of the release's services for tasks that are mapped over them.

    A refusal stays one however often it is tried, so these tasks are not retried; their hooks retry what is
    worth it.

    :param first: tasks that begin the release to the first region.
    :param later: task that begins the release to a later one.
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
        load_balancer = CheckLoadBalancerOperator(
            task_id="check_load_balancer",
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
        way = FirstOrLaterRegionOperator(task_id="first_or_later_region", first=first, later=later)
        validate >> [check, schema, load_balancer] >> opened >> way
    return group, opened.output
