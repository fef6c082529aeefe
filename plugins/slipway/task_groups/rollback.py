"""The rollback: traffic first, then the feature flags, then the record; by order the database too."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.sdk import TaskGroup, TriggerRule

from slipway.operators.closing import CloseRolledBackOperator
from slipway.operators.configuration import RollBackFlagsOperator
from slipway.operators.rollback import RollBackTrafficOperator
from slipway.operators.rollback_database import (
    KeepDataOperator,
    RestoreBackupOperator,
    RollBackDatabaseOperator,
)
from slipway.operators.rollback_full import RestoreWholeOperator
from slipway.operators.switch_database import SwitchDatabaseOperator


def rollback(*, group_id: str = "rollback") -> TaskGroup:
    """Restore what served when the release began.

    The first ``start_rollback`` starts it; it does not wait for the tasks that the release skips.

    :param group_id: name of the group in the graph.
    """
    with TaskGroup(group_id, tooltip="Restore the traffic and the flags of when the release began") as group:
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
        close = CloseRolledBackOperator(
            task_id="close_release",
            # The flags are skipped when there are none to roll back; without a rollback everything is.
            trigger_rule=TriggerRule.NONE_FAILED_MIN_ONE_SUCCESS,
            retries=3,
            retry_delay=timedelta(seconds=5),
            execution_timeout=timedelta(minutes=5),
        )
        traffic >> flags >> close
        traffic >> close
    return group


def whole(*, task_id: str = "restore_whole") -> RestoreWholeOperator:
    """Look at the whole system once the tiers before are done; skipped with them, and for other tiers.

    :param task_id: name of the task in the graph.
    """
    return RestoreWholeOperator(
        task_id=task_id,
        # The migrations are skipped when there are none to undo.
        trigger_rule=TriggerRule.NONE_FAILED_MIN_ONE_SUCCESS,
        retries=3,
        retry_delay=timedelta(seconds=5),
        execution_timeout=timedelta(minutes=5),
    )


def rollback_of_database(*, group_id: str = "database") -> TaskGroup:
    """Undo the release's migrations, or restore its backup and switch to it; skipped for the tier traffic.

    :param group_id: name of the group in the graph.
    """
    with TaskGroup(group_id, tooltip="The schema of when the release began") as group:
        bounds: dict[str, Any] = {
            "retries": 3,
            "retry_delay": timedelta(seconds=5),
            "execution_timeout": timedelta(minutes=15),
        }
        keep = KeepDataOperator(task_id="keep_data", environment="production", **bounds)
        undo = RollBackDatabaseOperator(task_id="undo_migrations", **bounds)
        restore = RestoreBackupOperator(task_id="restore_backup", environment="production", **bounds)
        keep >> [undo, restore]
        restore >> SwitchDatabaseOperator(task_id="switch_services", **bounds)
    return group
