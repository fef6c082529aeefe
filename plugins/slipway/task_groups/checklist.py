"""The strategy's pre-deployment checklist, an item a task."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.sdk.definitions.mappedoperator import MappedOperator

from slipway.operators.checklist import ChecklistItemOperator
from slipway.policy.checklist import CHECKED_FIRST


def pre_deployment_checklist(**arguments: Any) -> MappedOperator:
    """Check what can be said before production is touched; the gate of the phase weighs the whole list.

    :param arguments: more of the task.
    """
    return ChecklistItemOperator.partial(
        task_id="checklist",
        map_index_template="{{ task.item }}",
        execution_timeout=timedelta(minutes=5),
        **arguments,
    ).expand(item=list(CHECKED_FIRST))
