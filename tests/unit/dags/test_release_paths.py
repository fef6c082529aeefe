"""The ways through the release: whatever a policy lacks is skipped, and whatever it has stays in the way."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

import pytest

from tests.unit.dags.test_skipped_tasks import states
from tests.unit.dags.walk import FAILED, SKIPPED, SUCCESS, UPSTREAM_FAILED

if TYPE_CHECKING:
    from airflow.sdk import DAG

ONE, TWO = "phase_1_staging_validation", "phase_2_production_preparation"
PHASES = (ONE, TWO, "phase_3_canary", "phase_4_gradual_increase", "phase_5_full_rollout")
BAD = {"failed", "upstream_failed"}
STAGING = {f"{ONE}.{name}" for name in ("write_configuration", "migrate_schema", "deploy_revisions")}
DATABASE = {
    "preflight.check_schema",
    f"{ONE}.migrate_schema",
    *(f"{TWO}.{name}" for name in ("check_database", "back_up_database", "rehearse_migrations")),
    f"{TWO}.migrate_schema",
}
CONFIGURATION = {
    f"{ONE}.write_configuration",
    f"{TWO}.write_configuration",
    f"{TWO}.check_configuration",
}
TESTS = {f"{ONE}.{name}" for name in ("run_mission_critical_tests", "run_integration_tests", "run_e2e_tests")}
WARM_UP = {f"{phase}.warm_up" for phase in PHASES[2:]}
LACKS: Mapping[str, Collection[str]] = {
    "nothing": (),
    "staging": STAGING,
    "a database": DATABASE,
    "configuration": CONFIGURATION,
    "checklist items": {f"{TWO}.checklist"},
    "tests": TESTS,
    "a load test": {f"{ONE}.load_test"},
    "any test": {*TESTS, f"{ONE}.load_test"},
    "a warm-up": WARM_UP,
    "a tag": {"tag_release"},
    "everything": {
        *STAGING,
        *DATABASE,
        *CONFIGURATION,
        *TESTS,
        *WARM_UP,
        f"{ONE}.load_test",
        f"{TWO}.checklist",
        "tag_release",
    },
}


@pytest.fixture(scope="session")
def release(dags: Mapping[str, DAG]) -> DAG:
    """The release DAG."""
    return dags["release"]


def lacking(lack: str) -> dict[str, str]:
    """Return how the tasks end that have nothing to work on."""
    return dict.fromkeys(LACKS[lack], SKIPPED)


@pytest.mark.parametrize("lack", LACKS)
def test_a_release_is_promoted_without_what_its_policy_lacks(release: DAG, lack: str) -> None:
    found = states(release, lacking(lack))
    assert set(found.values()) <= {SUCCESS, SKIPPED}
    for task in (*(f"{phase}.go_or_rollback" for phase in PHASES), "close_promoted", "verdict"):
        assert found[task] == SUCCESS, task
    # Nothing is skipped but what is lacking, what only works on that, and the way back.
    skipped = {name for name, state in found.items() if state == SKIPPED} - set(LACKS[lack])
    if set(LACKS[lack]) >= STAGING:
        skipped -= {f"{ONE}.{name}" for name in ("rehearse_rollback", "serve_staging", "load_test")} | TESTS
    assert {
        name for name in skipped if not name.endswith("start_rollback") and "rollback." not in name
    } == set()


@pytest.mark.parametrize("lack", LACKS)
def test_a_no_and_a_failure_lead_to_the_rollback_alone(release: DAG, lack: str) -> None:
    for number, phase in enumerate(PHASES):
        # The gate of phase 2 is skipped by itself where phase 1 was not promoted.
        itself = {f"{TWO}.go_or_rollback": SKIPPED} if phase == ONE else {}
        found = states(release, lacking(lack) | itself, back=[phase])
        assert found["rollback.close_release"] == SUCCESS
        after = {task for task in found if task.startswith(PHASES[number + 1 :])}
        after |= {"tag_release", "close_promoted"}
        assert {task for task in after if found[task] != SKIPPED} == set(), phase
    for task in release.tasks:
        name = task.task_id
        if name.startswith(PHASES) and not name.endswith("start_rollback") and name not in LACKS[lack]:
            found = states(release, lacking(lack) | {name: FAILED})
            if found[name] != SKIPPED:
                assert found["rollback.close_release"] == SUCCESS, name
                assert found["close_promoted"] in (SKIPPED, UPSTREAM_FAILED), name


@pytest.mark.parametrize("lack", LACKS)
def test_a_person_who_says_no_leaves_production_as_it_is(release: DAG, lack: str) -> None:
    found = states(release, lacking(lack), back=[TWO], refused=True)
    for name in ("back_up_database", "migrate_schema", "write_configuration"):
        assert found[f"{TWO}.{name}"] == SKIPPED
    assert found["rollback.close_release"] == SUCCESS
