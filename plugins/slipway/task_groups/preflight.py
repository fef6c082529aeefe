"""Before the phases: check the request, record the rollback target."""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import TaskGroup, TriggerRule, XComArg

from slipway.operators.database import CheckSchemaOperator
from slipway.operators.infrastructure import CheckInfrastructureOperator
from slipway.operators.load_balancer import CheckLoadBalancerOperator
from slipway.operators.metrics import CheckMetricsOperator
from slipway.operators.preflight import CheckServicesOperator, OpenReleaseOperator, ValidateRequestOperator


def preflight(*, group_id: str = "preflight") -> tuple[TaskGroup, XComArg]:
    """Check request, services, metrics, schema, load balancer and infrastructure, changing nothing; then
    record what serves and lock the services.

    Return the group, and the keys of the release's services for tasks that are mapped over them.

    A refusal stays one however often it is tried, so these tasks are not retried; their hooks retry what is
    worth it.

    :param group_id: name of the group in the graph.
    """
    with TaskGroup(group_id, tooltip="Check the request, record the rollback target") as group:
        validate = ValidateRequestOperator(
            task_id="validate_request", retries=0, execution_timeout=timedelta(minutes=5)
        )
        services = CheckServicesOperator(
            task_id="check_services",
            validated=validate.output,
            retries=0,
            execution_timeout=timedelta(minutes=5),
        )
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
        infrastructure = CheckInfrastructureOperator(
            task_id="check_infrastructure",
            validated=validate.output,
            retries=0,
            execution_timeout=timedelta(minutes=5),
        )
        opened = OpenReleaseOperator(
            task_id="open_release",
            validated=validate.output,
            infrastructure=infrastructure.output,
            edges=check.output,
            # A check with nothing to check is skipped.
            trigger_rule=TriggerRule.NONE_FAILED_MIN_ONE_SUCCESS,
            retries=0,
            execution_timeout=timedelta(minutes=5),
        )
        validate >> [services, check, schema, load_balancer, infrastructure] >> opened
    return group, opened.output
