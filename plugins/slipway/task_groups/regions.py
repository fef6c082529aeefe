"""Region by region: where a later one comes in, and how the next one is begun."""

from __future__ import annotations

from datetime import timedelta

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import TaskGroup, TriggerRule

from slipway.operators.load_balancer import CheckLoadBalancerOperator
from slipway.operators.regions import (
    EarlierRegionGateOperator,
    ReleaseNextRegionOperator,
    ReportRegionsOperator,
)


def later_region(*, group_id: str, then: str) -> TaskGroup:
    """Instead of phases 1 and 2: what the release to the region before proved is taken over and weighed.

    :param then: task that begins production's phases.
    """
    with TaskGroup(group_id, tooltip="A later region: the evidence of the one before") as group:
        gate = EarlierRegionGateOperator(
            task_id="go_or_rollback",
            phase="earlier_region",
            go=then,
            start_rollback=f"{group_id}.start_rollback",
        )
        gate >> EmptyOperator(task_id="start_rollback", trigger_rule=TriggerRule.NONE_SKIPPED)
    return group


def begin_production() -> EmptyOperator:
    """Where both ways to production's phases meet: a region is prepared for, or follows another one."""
    return EmptyOperator(task_id="begin_production", trigger_rule=TriggerRule.ONE_SUCCESS)


def report_regions() -> ReportRegionsOperator:
    """Which region serves which version, however the release ended."""
    return ReportRegionsOperator(
        task_id="report_regions",
        trigger_rule=TriggerRule.ALL_DONE,
        retries=2,
        execution_timeout=timedelta(minutes=5),
    )


def next_region() -> TaskGroup:
    """After a promotion: the load balancer once more, then the release to the next region."""
    with TaskGroup("next_region", tooltip="The release to the next region") as group:
        CheckLoadBalancerOperator(task_id="check_load_balancer", retries=2) >> ReleaseNextRegionOperator(
            task_id="begin", retries=5
        )
    return group
