"""The strategy's pre-deployment checklist, an item a task."""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import TriggerRule
from airflow.sdk.definitions.mappedoperator import MappedOperator

from slipway.operators.checklist import ChecklistItemOperator
from slipway.policy.checklist import CHECKED_FIRST


def pre_deployment_checklist(trigger_rule: TriggerRule = TriggerRule.ALL_SUCCESS) -> MappedOperator:
    """Check what can be said before production is touched; the gate of the phase weighs the whole list.

    :param trigger_rule: of the tasks.
    """
    return ChecklistItemOperator.partial(
        task_id="checklist",
        map_index_template="{{ task.item }}",
        execution_timeout=timedelta(minutes=5),
        trigger_rule=trigger_rule,
    ).expand(item=list(CHECKED_FIRST))
