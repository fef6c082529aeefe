"""The promoted version goes back by the DAG ``rollback``: traffic first, and no user notices."""

from __future__ import annotations

import time

import pytest

from sandbox.demo import record, story
from sandbox.demo.airflow_client import AirflowClient
from sandbox.supervisor.settings import Settings
from tests.e2e.windows import Windows, act

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

#: From the trigger button, the start of the workers included.
TRAFFIC_SECONDS = 20
RUN_SECONDS = 120


def conf(good: story.ReleaseReport, **changes: object) -> dict[str, object]:
    return {"release": good.plan["release_id"], "reason": "wrong prices"} | changes


def test_what_makes_no_sense_is_refused_by_the_form_or_by_the_first_task(
    airflow: AirflowClient, settings: Settings, good: story.ReleaseReport
) -> None:
    for refused in ({"reason": ""}, {"tier": "everything"}, {"release": ""}):
        assert airflow.trigger("rollback", conf=conf(good, **refused)).status_code == 400, refused
    before = record.traffic_steps(settings, story.SERVICE)
    run = airflow.start("rollback", conf=conf(good, release="v9-9-9-abcdef"))
    assert airflow.wait("rollback", run, bound=RUN_SECONDS).state == "failed"
    assert record.traffic_steps(settings, story.SERVICE) == before


def test_a_plan_is_green_and_moves_nothing(
    airflow: AirflowClient, settings: Settings, good: story.ReleaseReport
) -> None:
    before = record.traffic_steps(settings, story.SERVICE)
    run = airflow.start("rollback", conf=conf(good, plan_only=True))
    state = airflow.wait("rollback", run, bound=RUN_SECONDS)
    assert state.state == "success"
    assert state.tasks["order_rollback"] == "success"
    assert {value for task, value in state.tasks.items() if task != "order_rollback"} == {"skipped"}
    assert record.traffic_steps(settings, story.SERVICE) == before


def test_the_promoted_release_goes_back_in_seconds_and_a_second_rollback_finds_nothing_to_do(
    airflow: AirflowClient,
    settings: Settings,
    windows: Windows,
    good: story.ReleaseReport,
    bad: story.ReleaseReport,
) -> None:
    page = windows.open("manager", f"/slipway/releases/{good.plan['release_id']}")
    page.locator("h1 .badge").get_by_text("Promoted").wait_for()
    began = time.time()
    run = act(page, "Roll back", "wrong prices")["dag_run_id"]
    state = airflow.wait("rollback", run, bound=RUN_SECONDS)
    assert state.state == "success", state.tasks
    last = record.traffic_steps(settings, story.SERVICE)[-1]
    assert last.split == good.stable[story.SERVICE]
    assert last.at - began <= TRAFFIC_SECONDS
    assert [found for found in record.failures(settings, since=began) if found.revision is None] == []
    row = record.release_of_run(settings, good.plan["run_id"])
    assert row is not None
    assert (row["outcome"], row["reason"]) == ("rolled_back", "ordered by manager: wrong prices")
    page.locator("h1 .badge").get_by_text("Rolled back").wait_for()

    again = airflow.start("rollback", conf=conf(good))
    second = airflow.wait("rollback", again, bound=RUN_SECONDS)
    assert second.state == "success"
    assert second.tasks["rollback.roll_back_traffic"] == "skipped"
    assert record.traffic_steps(settings, story.SERVICE)[-1] == last
