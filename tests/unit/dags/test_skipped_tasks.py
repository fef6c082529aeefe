"""A task with nothing to do is skipped and the run goes on; a no, a rollback and a failure end it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

import pytest

from tests.unit.dags.walk import FAILED, SKIPPED, SUCCESS, UPSTREAM_FAILED, walk

if TYPE_CHECKING:
    from airflow.sdk import DAG

STAGING, PREPARATION = "phase_1_staging_validation", "phase_2_production_preparation"
#: Each may find that it has nothing to do.
MAY_SKIP = (
    "preflight.check_load_balancer",
    "preflight.check_metrics",
    f"{STAGING}.write_configuration",
    f"{STAGING}.migrate_schema",
    f"{PREPARATION}.approve",
    f"{PREPARATION}.migrate_schema",
    f"{PREPARATION}.write_configuration",
    "phase_3_canary.approve",
    "phase_3_canary.bake",
    "phase_4_gradual_increase.bake",
    "phase_5_full_rollout.shift_supporting_services",
)
APPROVE = f"{PREPARATION}.approve"


@pytest.fixture(scope="session")
def release(dags: Mapping[str, DAG]) -> DAG:
    return dags["release"]


def states(
    dag: DAG, ends: Mapping[str, str] = {}, *, back: Collection[str] = (), refused: bool = False
) -> dict[str, str]:
    """Walk a release whose gates lead on, but for those of some phases, which lead to the rollback."""
    branches: dict[str, Collection[str]] = {APPROVE: []} if refused else {}
    for name in dag.task_ids:
        if name.endswith("go_or_rollback"):
            gate: Any = dag.get_task(name)
            branches[name] = gate.start_rollback if name.partition(".")[0] in back else gate.go
    return walk(dag, ends, branches)


def begins(found: Mapping[str, str], prefix: str) -> set[str]:
    """Return the states of the tasks of a group."""
    return {state for name, state in found.items() if name.startswith(prefix)}


@pytest.mark.parametrize("skipped", [*((name,) for name in MAY_SKIP), MAY_SKIP])
def test_a_release_is_promoted_whatever_had_nothing_to_do(release: DAG, skipped: Collection[str]) -> None:
    found = states(release, dict.fromkeys(skipped, SKIPPED))
    way_back = {name for name in found if name.startswith("rollback.") or name.endswith("start_rollback")}
    assert {name for name, state in found.items() if state == SKIPPED} == way_back | set(skipped)
    assert set(found.values()) == {SUCCESS, SKIPPED}


def test_a_no_leaves_production_as_it_is_and_leads_to_the_rollback(release: DAG) -> None:
    found = states(release, back=[PREPARATION], refused=True)
    touching = ("back_up_database", "rehearse_migrations", "migrate_schema", "write_configuration")
    for name in (*touching, "check_configuration"):
        assert found[f"{PREPARATION}.{name}"] == SKIPPED, name
    assert begins(found, "rollback.") == {SUCCESS}
    assert begins(found, "phase_3") == {SKIPPED}
    assert found["tag_release"] == found["close_promoted"] == SKIPPED


def test_a_later_region_does_nothing_of_both_phases_and_is_judged_at_the_gate_of_the_second(
    release: DAG,
) -> None:
    # What works in staging is skipped by itself, and so is its gate.
    works = ("write_configuration", "migrate_schema", "deploy_revisions", "go_or_rollback")
    inherits = [f"{STAGING}.{name}" for name in works]
    found = states(release, dict.fromkeys(inherits, SKIPPED))
    assert begins(found, STAGING) == {SKIPPED}
    gate, back = f"{PREPARATION}.go_or_rollback", f"{PREPARATION}.start_rollback"
    assert found[gate] == SUCCESS
    assert begins({name: state for name, state in found.items() if name != gate}, PREPARATION) == {SKIPPED}
    assert found[back] == SKIPPED
    assert found["close_promoted"] == SUCCESS


@pytest.mark.parametrize("number", range(1, 6))
def test_a_gate_leads_to_the_rollback_and_to_nothing_else(release: DAG, number: int) -> None:
    phases = sorted(name for name in release.task_group.children if name.startswith("phase_"))
    # The gate of phase 2 runs, and is skipped by itself where phase 1 was not promoted.
    itself = {f"{PREPARATION}.go_or_rollback": SKIPPED} if number == 1 else {}
    found = states(release, {**dict.fromkeys(MAY_SKIP, SKIPPED), **itself}, back=[phases[number - 1]])
    assert begins(found, "rollback.") == {SUCCESS}
    for phase in phases[number:]:
        assert begins(found, phase) == {SKIPPED}, phase
    assert found["close_promoted"] == SKIPPED
    assert found["verdict"] == SUCCESS


def test_a_failure_of_any_task_leads_to_the_rollback(release: DAG) -> None:
    for task in release.tasks:
        if task.task_id.startswith("phase_") and not task.task_id.endswith("start_rollback"):
            found = states(release, {**dict.fromkeys(MAY_SKIP, SKIPPED), task.task_id: FAILED})
            assert begins(found, "rollback.") == {SUCCESS}, task.task_id
            assert found["close_promoted"] in (SKIPPED, UPSTREAM_FAILED), task.task_id


def test_a_refused_request_touches_nothing(release: DAG) -> None:
    for task in release.tasks:
        if task.task_id.startswith("preflight.") and task.task_id not in ("preflight.open_release",):
            found = states(release, {task.task_id: FAILED})
            assert found["preflight.open_release"] == UPSTREAM_FAILED, task.task_id
            ran = {name for name, state in found.items() if state == SUCCESS and name.startswith("phase_")}
            # They lead to the rollback, which finds no release.
            assert {name.rpartition(".")[2] for name in ran} <= {"start_rollback"}, task.task_id
