"""The rollback by hand: the order first, then the tasks that a release's own rollback has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, get_args

import pytest
from airflow.sdk import TriggerRule
from airflow.sdk.exceptions import ParamValidationError
from slipway.ledger.entries import RollbackTier

if TYPE_CHECKING:
    from airflow.sdk import DAG


@pytest.fixture
def rollback(dags: Mapping[str, DAG]) -> DAG:
    return dags["rollback"]


def test_the_order_leads_to_the_tasks_of_a_releases_own_rollback(
    rollback: DAG, dags: Mapping[str, DAG]
) -> None:
    own = {task.task_id: type(task) for task in dags["release"].task_group_dict["rollback"]}
    assert {task.task_id: type(task) for task in rollback.task_group_dict["rollback"]} == own
    assert rollback.roots == [rollback.get_task("order_rollback")]
    assert rollback.get_task("order_rollback").downstream_task_ids == {"rollback.roll_back_traffic"}
    traffic = rollback.get_task("rollback.roll_back_traffic")
    assert traffic.trigger_rule == TriggerRule.ONE_SUCCESS, "skipped when the order is"


def test_the_schema_is_looked_at_once_the_traffic_is_back_and_the_release_is_closed(rollback: DAG) -> None:
    closed = rollback.get_task("rollback.close_release").downstream_task_ids
    assert closed == {"database.keep_data", "restore_whole"}
    last = {"database.undo_migrations", "database.restore_backup"}
    assert rollback.get_task("database.keep_data").downstream_task_ids == last
    whole = rollback.get_task("restore_whole")
    assert rollback.get_task("database.restore_backup").downstream_task_ids == {"database.switch_services"}
    ends = {"database.undo_migrations", "database.switch_services"}
    assert whole.upstream_task_ids == {*ends, "rollback.close_release"}
    assert whole.trigger_rule == TriggerRule.NONE_FAILED_MIN_ONE_SUCCESS, "skipped when the order is"
    assert rollback.leaves == [whole]


def test_every_task_is_bounded_and_tried_again(rollback: DAG) -> None:
    for task in rollback.tasks:
        assert task.execution_timeout is not None, task.task_id
        assert task.retries, task.task_id


def test_the_form_offers_the_tiers_that_work_and_asks_for_release_and_reason(rollback: DAG) -> None:
    params: Any = rollback.params
    assert tuple(params.get_param("tier").schema["enum"]) == get_args(RollbackTier)
    assert set(params) == {"release", "tier", "reason", "plan_only"}
    assert (params["tier"], params["plan_only"]) == ("traffic", False)
    for name in ("release", "reason"):
        for empty in ("", None):
            with pytest.raises(ParamValidationError):
                params.get_param(name).resolve(empty)
