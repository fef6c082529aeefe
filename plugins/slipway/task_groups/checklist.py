"""The strategy's pre-deployment checklist, an item a task."""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk.definitions.mappedoperator import MappedOperator

from slipway.operators.checklist import ChecklistItemOperator
from slipway.policy.checklist import ITEMS


def pre_deployment_checklist() -> MappedOperator:
    """Work off every item; the gate that follows weighs them."""
    return ChecklistItemOperator.partial(
        task_id="checklist",
        map_index_template="{{ task.item }}",
        execution_timeout=timedelta(minutes=5),
    ).expand(item=list(ITEMS))
