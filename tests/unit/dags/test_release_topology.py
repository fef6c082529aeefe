"""Every way through the release leads to a verdict, and every trouble to the rollback."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from airflow.sdk import TriggerRule
from slipway.policy.checklist import ITEMS

if TYPE_CHECKING:
    from airflow.sdk import DAG

PHASES = (
    "phase_1_staging_validation",
    "phase_2_production_preparation",
    "phase_3_canary",
    "phase_4_gradual_increase",
    "phase_5_full_rollout",
)
MAPPED = {
    "phase_1_staging_validation.deploy_revisions",
    "phase_3_canary.deploy_revisions",
    "phase_3_canary.warm_up",
    "phase_4_gradual_increase.warm_up",
    "phase_5_full_rollout.warm_up",
    "phase_5_full_rollout.shift_supporting_services",
}


def argument(task: Any, name: str) -> Any:
    """Return an argument of a task, mapped or not."""
    return task.partial_kwargs[name] if task.is_mapped else getattr(task, name)


def mapped(dag: DAG) -> list[Any]:
    """Return the tasks that are mapped."""
    return [task for task in dag.tasks if task.is_mapped]


def before_traffic(phase: str) -> set[str]:
    """Return what comes after the checks of a phase: its traffic, and before the canary a person."""
    asks = {f"{phase}.approve"} if phase == "phase_3_canary" else set()
    return asks | {f"{phase}.shift_traffic"}


@pytest.fixture(scope="session")
def release(dags: Mapping[str, DAG]) -> DAG:
    """The release DAG."""
    return dags["release"]


def test_the_graph_shows_the_preflight_the_strategys_phases_the_rollback_and_the_end(release: DAG) -> None:
    assert set(release.task_group.children) == {"preflight", *PHASES, "rollback", "end"}
    ends = {"tag_release", "close_promoted", "verdict", "reconcile"}
    assert set(release.task_group_dict["end"].children) == ends


def test_every_gate_leads_to_the_next_phase_or_to_its_start_rollback(release: DAG) -> None:
    for phase, following in zip(PHASES, (*PHASES[1:], "end"), strict=True):
        gate: Any = release.get_task(f"{phase}.go_or_rollback")
        begins = {task.task_id for task in release.task_group_dict[following].get_roots()}
        # A product without a tag goes past it.
        begins |= {"close_promoted"} if following == "end" else set()
        assert set(gate.go) == begins
        assert gate.start_rollback == [f"{phase}.start_rollback"]
        assert gate.downstream_task_ids == begins | set(gate.start_rollback)
        for task in begins - {"close_promoted"}:
            assert release.get_task(task).upstream_task_ids - {"preflight.open_release"} == {gate.task_id}


def test_a_start_rollback_also_runs_when_its_gate_could_not(release: DAG) -> None:
    for phase in PHASES:
        start_rollback = release.get_task(f"{phase}.start_rollback")
        assert start_rollback.trigger_rule == TriggerRule.NONE_SKIPPED
        assert start_rollback.upstream_task_ids == {f"{phase}.go_or_rollback"}
        assert start_rollback.downstream_task_ids == {"rollback.roll_back_traffic"}
    assert release.get_task("rollback.roll_back_traffic").trigger_rule == TriggerRule.ONE_SUCCESS


def test_the_rollback_moves_traffic_first(release: DAG) -> None:
    close = release.get_task("rollback.close_release")
    assert close.upstream_task_ids == {"rollback.roll_back_traffic", "rollback.roll_back_feature_flags"}
    # Skipped flags do not stop it, but a promoted release, in which all of its upstream is skipped, does.
    assert close.trigger_rule == TriggerRule.NONE_FAILED_MIN_ONE_SUCCESS
    assert release.get_task("rollback.roll_back_feature_flags").upstream_task_ids == {
        "rollback.roll_back_traffic"
    }


def test_a_rollback_is_rehearsed_before_staging_serves(release: DAG) -> None:
    rehearse = release.get_task("phase_1_staging_validation.rehearse_rollback")
    assert rehearse.upstream_task_ids == {"phase_1_staging_validation.deploy_revisions"}
    assert rehearse.downstream_task_ids == {"phase_1_staging_validation.serve_staging"}


def test_production_is_asked_about_before_it_is_touched(release: DAG) -> None:
    phase = "phase_2_production_preparation"
    checklist: Any = release.get_task(f"{phase}.checklist")
    verify: Any = release.get_task(f"{phase}.check_configuration")
    approve = release.get_task(f"{phase}.approve")
    assert checklist.downstream_task_ids == {approve.task_id}
    before = {f"{phase}.{name}" for name in ("check_database", "plan_changes", "checklist")}
    assert {task for task in approve.get_flat_relative_ids(upstream=True) if task.startswith(phase)} == before
    touching = ("back_up_database", "rehearse_migrations", "migrate_schema", "write_configuration")
    changing = [f"{phase}.{name}" for name in (*touching, "check_configuration")]
    assert approve.downstream_task_ids == set(changing), "a no skips what is directly after it"
    for before_it, name in pairwise([*changing, f"{phase}.go_or_rollback"]):
        assert release.get_task(before_it).downstream_task_ids == {name}
    assert sorted([*checklist.expand_input.value["item"], verify.item]) == sorted(ITEMS)
    gate = release.get_task("phase_2_production_preparation.go_or_rollback")
    assert gate.get_flat_relative_ids(upstream=True) >= {
        task for task in release.task_ids if task.startswith("phase_2") and "_or_" not in task
    } - {"phase_2_production_preparation.start_rollback"}


def test_the_verdict_is_the_only_leaf_that_counts_and_waits_for_both_ends(release: DAG) -> None:
    leaves = {task.task_id for task in release.tasks if not task.downstream_task_ids and not task.is_teardown}
    assert leaves == {"verdict"}
    verdict = release.get_task("verdict")
    assert verdict.trigger_rule == TriggerRule.ALL_DONE
    assert verdict.upstream_task_ids == {"close_promoted", "rollback.close_release"}


def test_the_reconciliation_runs_whatever_happens(release: DAG) -> None:
    reconcile = release.get_task("reconcile")
    assert reconcile.is_teardown
    # A run whose verdict a person has kept from running is red all the same, and the verdict stays a leaf.
    assert reconcile.on_failure_fail_dagrun
    assert argument(reconcile, "verdict") == "verdict"
    assert "verdict" not in reconcile.upstream_task_ids


def test_every_task_that_changes_something_is_bounded(release: DAG) -> None:
    for task in release.tasks:
        assert task.execution_timeout is not None, task.task_id


def test_traffic_moves_in_the_strategys_steps(release: DAG) -> None:
    shifts = [task for task in release.topological_sort() if task.task_type == "ShiftTrafficOperator"]
    assert [argument(task, "phase") for task in shifts] == ["canary", "half", "full", "full"]


def test_what_is_done_to_each_service_is_a_row_a_service_and_the_share_is_one_decision(release: DAG) -> None:
    opened = release.get_task("preflight.open_release")
    over_services = {task.task_id for task in mapped(release) if "service" in task.expand_input.value}
    assert over_services == MAPPED
    for name in MAPPED:
        task: Any = release.get_task(name)
        assert list(task.iter_mapped_dependencies()) == [opened], name
    # Nobody waits for the row of the service that has moved before.
    bake = release.get_task("phase_5_full_rollout.bake")
    assert bake.trigger_rule == TriggerRule.NONE_FAILED_MIN_ONE_SUCCESS
    assert bake.upstream_task_ids == {
        "phase_5_full_rollout.shift_traffic",
        "phase_5_full_rollout.shift_supporting_services",
    }


def test_every_watched_phase_states_what_it_can_see_before_its_traffic_moves(release: DAG) -> None:
    for phase, name in zip(PHASES[2:], ("canary", "half", "full"), strict=True):
        check_detection_power: Any = release.get_task(f"{phase}.check_detection_power")
        assert check_detection_power.phase == name
        assert check_detection_power.downstream_task_ids == before_traffic(phase)


def test_the_schema_is_checked_before_the_release_is_opened(release: DAG) -> None:
    check = release.get_task("preflight.check_schema")
    assert check.downstream_task_ids == {"preflight.open_release"}
    assert check.retries == 0


def test_production_is_migrated_after_its_backup_was_restored_and_migrated_elsewhere(release: DAG) -> None:
    migrate = release.get_task(f"{PHASES[1]}.migrate_schema")
    asked = {f"{PHASES[1]}.plan_changes", f"{PHASES[1]}.approve"}
    assert migrate.upstream_task_ids == {f"{PHASES[1]}.rehearse_migrations", *asked}
    assert release.get_task(f"{PHASES[1]}.rehearse_migrations").upstream_task_ids == {
        f"{PHASES[1]}.back_up_database",
        *asked,
    }


def test_the_load_balancer_is_checked_before_the_release_is_opened(release: DAG) -> None:
    check = release.get_task("preflight.check_load_balancer")
    assert check.downstream_task_ids == {"preflight.open_release"}
    assert check.retries == 0


def test_the_infrastructure_is_checked_before_the_release_is_opened(release: DAG) -> None:
    check = release.get_task("preflight.check_infrastructure")
    assert check.downstream_task_ids == {"preflight.open_release"}
    assert check.retries == 0


def test_new_revisions_are_warmed_up_before_their_traffic_moves(release: DAG) -> None:
    for phase, name in zip(PHASES[2:], ("canary", "half", "full"), strict=True):
        warm_up = release.get_task(f"{phase}.warm_up")
        assert argument(warm_up, "phase") == name
        assert warm_up.downstream_task_ids == before_traffic(phase)
    assert "phase_3_canary.deploy_revisions" in release.get_task("phase_3_canary.warm_up").upstream_task_ids


def test_the_metrics_are_checked_before_the_release_is_opened(release: DAG) -> None:
    check = release.get_task("preflight.check_metrics")
    assert check.downstream_task_ids == {"preflight.open_release"}
    assert check.retries == 0
