"""What nothing else looks after is ended the safe way, and what changes after an end is seen once."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from slipway.ledger.entries import ReleaseLost, ReleaseReconciled, ServiceChangedAfterEnd
from slipway.ledger.store import LedgerStore
from slipway.operators.watchdog import CheckReleasesOperator

from tests.integration.slipway.operators.steps import Steps

pytestmark = pytest.mark.sandbox


class Watched:
    """A release in the canary, and the watchdog of an Airflow in which its run is active, or not."""

    def __init__(self, steps: Steps) -> None:
        self.steps = steps
        self.run_is_active = True
        self.messages: list[tuple[str, str]] = []
        steps.open()
        steps.deploy()
        steps.shift()

    def check(self) -> list[str]:
        def count(dag_id: str, *, run_ids: list[str], states: list[str]) -> int:
            assert (dag_id, states) == ("release", ["queued", "running"])
            ours = run_ids == [self.steps.product.context["dag_run"].run_id]
            return int(self.run_is_active or not ours)

        operator = CheckReleasesOperator(task_id="check_releases")
        operator.cloud_run = self.steps.product.web.hook
        context: Any = {"ti": SimpleNamespace(get_dr_count=count)}
        found: list[str] = operator.execute(context)
        return [line for line in found if self.steps.release_id in line]

    def by_hand(self, percent: int) -> None:
        own = self.steps.revision.removeprefix(f"{self.steps.product.web.address.service}-")
        self.steps.product.web.shift({"stable": 100 - percent, own: percent})


@pytest.fixture
def watched(steps: Steps, monkeypatch: pytest.MonkeyPatch) -> Watched:
    made = Watched(steps)

    def notify(_: Any, __: Any, event: str, subject: str, ___: str) -> None:
        made.messages.append((event, subject))

    monkeypatch.setattr("slipway.notifiers.team.notify_team", notify)
    return made


def test_a_release_that_lost_its_run_is_rolled_back_closed_and_the_team_is_notified_once(
    watched: Watched,
) -> None:
    web, steps = watched.steps.product.web, watched.steps
    assert watched.check() == []
    assert web.split()["stable"] == 90, "its run goes on"
    watched.run_is_active = False
    (line,) = watched.check()
    assert "is gone or has ended" in line
    assert watched.check() == []
    assert web.split() == {"stable": 100}
    release = steps.product.ledger.release(steps.release_id)
    assert release.outcome == "rolled_back"
    assert "is gone or has ended" in str(release.reason)
    assert steps.entry(ReleaseLost).action == "roll_back"
    assert steps.entry(ReleaseReconciled).changes
    # Nobody could be notified when it was opened: the connection is not there.
    assert [event for event, _ in watched.messages] == ["opened", "stuck", "outcome"]


def test_a_release_whose_lock_ran_out_is_stuck(watched: Watched) -> None:
    with LedgerStore().transaction() as cursor:
        cursor.execute(
            "UPDATE lease SET until = clock_timestamp() WHERE release_id = %s", [watched.steps.release_id]
        )
    (line,) = watched.check()
    assert "is stuck: the lock of its services ran out" in line
    assert watched.steps.product.web.split() == {"stable": 100}


def test_a_rolled_back_release_that_serves_again_loses_its_traffic_again(watched: Watched) -> None:
    steps = watched.steps
    steps.roll_back()
    steps.close("rolled_back")
    assert watched.check() == []
    watched.by_hand(60)
    (line,) = watched.check()
    assert "60 %" in line
    assert "the recorded split is restored" in line
    assert steps.product.web.split() == {"stable": 100}
    assert watched.check() == []
    assert [event.partition("-")[0] for event, _ in watched.messages] == ["outcome", "changed"]


def test_a_promoted_service_that_is_changed_by_hand_is_left_and_told_of_once(watched: Watched) -> None:
    steps = watched.steps
    steps.shift("full")
    steps.close("promoted")
    assert watched.check() == []
    watched.by_hand(40)
    generation = steps.product.web.read().generation
    for _ in range(2):
        (line,) = watched.check()
        assert "nothing is changed" in line
    assert steps.product.web.split()["stable"] == 60
    service = steps.product.web.address.service
    changed = steps.entry(ServiceChangedAfterEnd, service=service, generation=generation)
    assert changed.recorded == {steps.revision: 100}
    assert [event.partition("-")[0] for event, _ in watched.messages] == ["outcome", "changed"]
