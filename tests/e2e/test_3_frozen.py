"""People are asked on the Release page: for production, before the canary, and in an outage of both.

Who requested the release cannot approve it; nothing can be told from an outage, so a person is asked and
cannot promote.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from slipway.ledger.entries import AnswerRefused, BakeAnswered
from slipway.release.undecided import APPROVE, BAKE_ON, ROLL_BACK

from sandbox.cloud.team_room import messages
from sandbox.demo import record, story
from sandbox.demo.airflow_client import AirflowClient, RunState
from sandbox.drill.carrying_out import THINKING_SECONDS
from sandbox.supervisor.settings import Settings
from tests.e2e.past_days import PastDays
from tests.e2e.windows import Windows, act, labels

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1800)]

#: As good as the others.
VERSION = "1.1.1"
APPROVAL = "phase_2_production_preparation.approve"
CANARY = "phase_3_canary.approve"
BAKE = "phase_3_canary.bake"


class Outage:
    """A dependency of both revisions that is down while this is in use."""

    def __init__(self, settings: Settings) -> None:
        self._file: Path = settings.home / "outage"

    def begin(self) -> None:
        """Take it down."""
        self._file.touch()

    def end(self) -> None:
        """Bring it back."""
        self._file.unlink(missing_ok=True)


@pytest.fixture
def outage(settings: Settings) -> Iterator[Outage]:
    """The outage, over when the test is."""
    made = Outage(settings)
    yield made
    made.end()


@pytest.fixture
def manager(airflow: AirflowClient, settings: Settings) -> Iterator[AirflowClient]:
    """Who requests the release."""
    with AirflowClient(settings, "manager") as client:
        yield client


def test_another_person_approves_and_a_frozen_phase_waits_for_one_who_can_bake_on_or_roll_back(
    airflow: AirflowClient,
    manager: AirflowClient,
    settings: Settings,
    windows: Windows,
    outage: Outage,
    past_days: PastDays,
) -> None:
    # Rolled up meanwhile: people and bakes are waited for here.
    assert past_days
    run_id = manager.start(
        "release", conf={"version": VERSION, "policy": "drill.yaml", "reason": "an outage"}
    )
    run = airflow.follow("release", run_id, bound=story.RELEASE_BOUND_SECONDS)

    def until(is_so: Callable[[RunState], bool]) -> RunState:
        return next(state for state in run if state.has_ended or is_so(state))

    def wait_for(is_so: Callable[[RunState], bool]) -> None:
        assert not until(is_so).has_ended, record.release_of_run(settings, run_id)

    def wait_for_question(task: str) -> None:
        wait_for(lambda _: airflow.is_asked("release", run_id, task))
        # Airflow fails a task that is answered before its scheduler has seen it pause; no person is so quick.
        time.sleep(THINKING_SECONDS)

    wait_for_question(APPROVAL)
    where = f"/slipway/dags/release/runs/{run_id}"
    assert labels(windows.open("viewer", where)) == ["Open the run"]
    assert labels(windows.open("manager", where)) == ["Reject", "Roll back", "Open the run"]
    manager.answer("release", run_id, APPROVAL, APPROVE)
    opened = record.release_of_run(settings, run_id)
    assert opened is not None
    wait_for(
        lambda _: (
            record.entry(settings, opened["release_id"], AnswerRefused, question="production", round=1)
            is not None
        )
    )
    wait_for_question(APPROVAL)
    page = windows.open("approver", where)
    assert labels(page) == ["Approve", "Reject", "Roll back", "Open the run"]
    page.get_by_text("manager answered 'Approve', which does not count").wait_for(state="attached")
    act(page, APPROVE)

    wait_for_question(CANARY)
    assert labels(windows.open("manager", where)) == ["Roll back", "Open the run"]
    page.locator(".actions summary").get_by_text(APPROVE).wait_for()
    act(page, APPROVE)
    wait_for(lambda state: state.tasks.get(BAKE) == "deferred")
    outage.begin()
    wait_for_question(BAKE)
    split = record.traffic_steps(settings, story.SERVICE)[-1].split
    assert sorted(split.values()) == [40, 60], "the traffic stays as it is"

    act(page, BAKE_ON)
    wait_for_question(BAKE)
    # Before its page knows of the question, it offers the rollback by the DAG under the same name.
    page.locator(".actions summary").get_by_text(BAKE_ON).wait_for()
    assert labels(page).count(ROLL_BACK) == 1
    act(page, ROLL_BACK)
    last = until(lambda _: False)

    assert last.state == "failed"
    row = record.release_of_run(settings, run_id)
    assert row is not None
    assert record.traffic_steps(settings, story.SERVICE)[-1].split == row["stable"][story.SERVICE]
    assert row["outcome"] == "rolled_back"
    which = [{"phase": "canary", "round": number} for number in (1, 2)]
    answers = [record.entry(settings, row["release_id"], BakeAnswered, **parts) for parts in which]
    assert [answer.bake_on if answer else None for answer in answers] == [True, False]
    assert "approver answered 'Roll back'" in row["reason"]
    calls = [message["text"] for message in messages(settings) if "decision-canary" in message["text"]]
    assert len(calls) == 2
    assert "needs a decision, because the stable revision itself has exceeded the trigger" in calls[0]
