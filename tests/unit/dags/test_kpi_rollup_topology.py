"""The rollup DAG: nothing is published unless every check passed, and staging is always dropped."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from airflow.sdk import DAG


@pytest.fixture
def dag(dags: Mapping[str, DAG]) -> DAG:
    return dags["kpi_rollup"]


def test_it_runs_daily_for_the_day_before_and_several_days_at_once(dag: DAG) -> None:
    schedule = dag.schedule
    assert (schedule.expression, schedule.run_offset, schedule.key_format) == ("0 2 * * *", -1, "%Y-%m-%d")  # type: ignore[union-attr]
    assert (dag.catchup, dag.max_active_runs) == (False, 4)
    assert dag.get_task("publish").max_active_tis_per_dag == 1


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


def test_nothing_is_extracted_from_a_source_of_another_shape(dag: DAG) -> None:
    around = dag.get_task("extract.around").get_flat_relative_ids(upstream=True)
    assert around == {"migrate", "source.schema"}
    usage = dag.get_task("extract.usage").get_flat_relative_ids(upstream=True)
    assert usage == {"migrate", "source.schema", "extract.around"}


def test_the_source_is_looked_at_while_it_is_read(dag: DAG) -> None:
    assert dag.get_task("source.quality").upstream_task_ids == {"source.schema"}
    for task in ("check.reconcile", "check.quality"):
        assert "source.quality" in dag.get_task(task).upstream_task_ids


def test_everything_published_was_staged(dag: DAG) -> None:
    staged = [name for task in dag.tasks for name in getattr(task, "tables", ()) if task.task_id != "publish"]
    assert len(staged) == len(set(staged))
    publish: Any = dag.get_task("publish")
    assert set(publish.tables) < set(staged)
    assert publish.tables[-2:] == ("kpi_daily", "source_fingerprint")


def test_the_targets_are_reviewed_on_what_is_published(dag: DAG) -> None:
    review = dag.get_task("review_targets")
    assert review.upstream_task_ids == {"publish"}
    assert [asset.uri for asset in review.outlets] == ["x-slipway://kpi/target-review"]


def test_staging_is_dropped_whatever_happens_and_does_not_decide_the_run(dag: DAG) -> None:
    drop = dag.get_task("drop_staging")
    assert drop.is_teardown
    assert not drop.on_failure_fail_dagrun
    # Also of the tasks that fill staging tables: when a check fails beside them, they are still at work.
    assert drop.upstream_task_ids == {"review_targets", "extract.usage", "rollup.facts", "rollup.kpis"}


def test_every_task_has_a_time_limit_and_retries(dag: DAG) -> None:
    for task in dag.tasks:
        assert task.execution_timeout == timedelta(hours=1), task.task_id
        assert task.retries == 2, task.task_id
