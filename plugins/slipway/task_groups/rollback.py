"""The rollback: traffic first, then the feature flags, then the record."""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import TaskGroup, TriggerRule

from slipway.operators.base import CloseReleaseOperator
from slipway.operators.configuration import RollBackFlagsOperator
from slipway.operators.rollback import RollBackTrafficOperator


def rollback(*, group_id: str) -> TaskGroup:
    """Bring back what served when the release began.

    Set off by the first ``start_rollback`` of any phase; it does not wait for what the release skips.
    """
    with TaskGroup(group_id, tooltip="Back to what served when the release began") as group:
        traffic = RollBackTrafficOperator(
            task_id="roll_back_traffic",
            trigger_rule=TriggerRule.ONE_SUCCESS,
            retries=5,
            retry_delay=timedelta(seconds=5),
            execution_timeout=timedelta(minutes=5),
        )
        flags = RollBackFlagsOperator(
            task_id="roll_back_feature_flags",
            environment="production",
            retries=3,
            retry_delay=timedelta(seconds=5),
            execution_timeout=timedelta(minutes=5),
        )
        close = CloseReleaseOperator(
            task_id="close_release",
            outcome="rolled_back",
            # The flags are skipped when there are none to take back; without a rollback everything is.
            trigger_rule=TriggerRule.NONE_FAILED_MIN_ONE_SUCCESS,
            retries=3,
            retry_delay=timedelta(seconds=5),
            execution_timeout=timedelta(minutes=5),
        )
        traffic >> flags >> close
        traffic >> close
    return group
