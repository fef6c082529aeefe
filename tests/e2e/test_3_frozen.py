"""An outage of both revisions: nothing can be told from it, so a person is asked, and cannot promote."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from slipway.ledger.entries import BakeAnswered
from slipway.release.undecided import BAKE_ON, ROLL_BACK

from sandbox.cloud.team_room import messages
from sandbox.demo import record, story
from sandbox.demo.airflow_client import AirflowClient, RunState
from sandbox.supervisor.settings import Settings

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1800)]

#: As good as the others.
VERSION = "1.1.1"
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


def test_a_frozen_phase_waits_for_a_person_who_can_watch_on_or_roll_back(
    airflow: AirflowClient, settings: Settings, outage: Outage
) -> None:
    run_id = airflow.start("release", conf={"version": VERSION, "reason": "an outage"})
    run = airflow.follow("release", run_id, bound=story.RELEASE_BOUND_SECONDS)

    def until(is_so: Callable[[str | None], bool]) -> RunState:
        return next(state for state in run if state.has_ended or is_so(state.tasks.get(BAKE)))

    def wait_for(is_so: Callable[[str | None], bool]) -> None:
        assert not until(is_so).has_ended, record.release_of_run(settings, run_id)

    wait_for(lambda bake: bake == "deferred")
    outage.begin()
    wait_for(lambda _: airflow.is_asked("release", run_id, BAKE))
    split = record.traffic_steps(settings, story.SERVICE)[-1].split
    assert sorted(split.values()) == [10, 90], "the traffic stays as it is"

    airflow.answer("release", run_id, BAKE, BAKE_ON)
    wait_for(lambda _: airflow.is_asked("release", run_id, BAKE))
    airflow.answer("release", run_id, BAKE, ROLL_BACK)
    last = until(lambda _: False)

    assert last.state == "failed"
    row = record.release_of_run(settings, run_id)
    assert row is not None
    assert record.traffic_steps(settings, story.SERVICE)[-1].split == row["stable"][story.SERVICE]
    assert row["outcome"] == "rolled_back"
    which = [{"phase": "canary", "round": number} for number in (1, 2)]
    answers = [record.entry(settings, row["release_id"], BakeAnswered, **parts) for parts in which]
    assert [answer.bake_on if answer else None for answer in answers] == [True, False]
    assert "admin answered 'Roll back'" in row["reason"]
    calls = [message["text"] for message in messages(settings) if "decision-canary" in message["text"]]
    assert len(calls) == 2
    assert "needs a decision, because the stable revision itself has exceeded the trigger" in calls[0]
