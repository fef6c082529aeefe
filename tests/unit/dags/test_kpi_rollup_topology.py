"""The rollup DAG: nothing is published unless every check passed, and staging is always dropped."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from airflow.sdk import DAG


@pytest.fixture
def dag(dags: Mapping[str, DAG]) -> DAG:
    return dags["kpi_rollup"]


def test_it_runs_daily_for_the_day_before_one_at_a_time(dag: DAG) -> None:
    schedule = dag.schedule
    assert (schedule.expression, schedule.run_offset, schedule.key_format) == ("0 2 * * *", -1, "%Y-%m-%d")  # type: ignore[union-attr]
    assert (dag.catchup, dag.max_active_runs) == (False, 1)


def test_enabling_it_runs_nothing_at_once(dag: DAG) -> None:
    assert dag.start_date is None
    assert dag.schedule.run_immediately is False  # type: ignore[union-attr]


def test_publish_comes_after_every_check_and_every_stage(dag: DAG) -> None:
    publish = dag.get_task("publish")
    before = publish.get_flat_relative_ids(upstream=True)
    assert before == set(dag.task_ids) - {"publish", "review_targets", "drop_staging"}
    assert publish.upstream_task_ids >= {"check.reconcile", "check.quality"}
    assert publish.trigger_rule == "all_success"
    assert [asset.uri for asset in publish.outlets] == ["x-slipway://kpi/daily"]


def test_the_targets_are_reviewed_on_what_is_published(dag: DAG) -> None:
    review = dag.get_task("review_targets")
    assert review.upstream_task_ids == {"publish"}
    assert [asset.uri for asset in review.outlets] == ["x-slipway://kpi/target-review"]


def test_staging_is_dropped_whatever_happens_and_does_not_decide_the_run(dag: DAG) -> None:
    drop = dag.get_task("drop_staging")
    assert drop.is_teardown
    assert not drop.on_failure_fail_dagrun
    assert drop.upstream_task_ids == {"review_targets"}


def test_every_task_has_a_time_limit_and_retries(dag: DAG) -> None:
    for task in dag.tasks:
        assert task.execution_timeout == timedelta(hours=1), task.task_id
        assert task.retries == 2, task.task_id
