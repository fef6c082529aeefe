"""A task starts a run of another DAG, and waits for it without a worker."""

from __future__ import annotations

import pytest
from airflow.sdk.exceptions import DagRunTriggerException, TaskDeferred
from slipway.operators.trigger_run import trigger_run, wait_for_run


def test_a_run_is_started_once_and_not_waited_for() -> None:
    with pytest.raises(DagRunTriggerException) as started:
        trigger_run("rollup", "late__1", {"day": "2026-01-01"})
    run = started.value
    assert (run.trigger_dag_id, run.dag_run_id, run.conf) == ("rollup", "late__1", {"day": "2026-01-01"})
    assert run.skip_when_already_exists
    assert not run.reset_dag_run
    assert not run.wait_for_completion


def test_a_run_that_is_waited_for_is_waited_for_in_the_triggerer_however_it_ends() -> None:
    with pytest.raises(DagRunTriggerException) as started:
        trigger_run("release", "all--us", {}, wait=True, poll_seconds=7)
    run = started.value
    assert run.wait_for_completion
    assert run.deferrable
    assert run.poke_interval == 7
    assert [*run.allowed_states, *run.failed_states] == ["success", "failed"]


def test_a_run_that_exists_is_waited_for_by_its_name() -> None:
    with pytest.raises(TaskDeferred) as waiting:
        wait_for_run("release", "all--us", poll_seconds=7)
    _, arguments = waiting.value.trigger.serialize()
    assert arguments["dag_id"] == "release"
    assert arguments["run_ids"] == ["all--us"]
    assert arguments["states"] == ["success", "failed"]
    assert arguments["poll_interval"] == 7
    assert waiting.value.method_name == "execute_complete"
