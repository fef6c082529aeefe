"""While a person is asked the metrics stay checked: whichever decides first ends the wait."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
from airflow.providers.standard.triggers.hitl import HITLTrigger
from airflow.triggers.base import TriggerEvent
from slipway.analysis.verdict import Decision, Verdict
from slipway.triggers.asked_bake import AskedBakeTrigger

BEGAN = datetime(2026, 1, 31, 12, tzinfo=UTC)
ANSWER = {"chosen_options": ["Approve"], "responded_by_user": {"id": "jo", "name": "jo"}}


class Asked(AskedBakeTrigger):
    """The trigger of a release whose metrics decide after some seconds, or never."""

    decides: tuple[float, Verdict] | None = None
    braked = False

    def _release(self) -> Any:
        return SimpleNamespace()

    async def _bake(self, release: Any) -> Any:
        if self.decides is None:
            await asyncio.Event().wait()
        seconds, verdict = self.decides or (0, Verdict.HOLD)
        await asyncio.sleep(seconds)
        return Decision(verdict, "5 % errors", [], seconds), None

    async def _brake(self, release: Any) -> dict[str, Any]:
        self.braked = True
        return {"changes": {}}

    def _keep(self, record: Any) -> None:
        return None


def trigger(decides: tuple[float, Verdict] | None) -> Asked:
    names = ("release_id", "ledger_conn_id", "gcp_conn_id", "promql_conn_id")
    made = Asked(
        ti_id=str(uuid4()),
        options=["Approve", "Roll back"],
        safe="Roll back",
        until=(BEGAN + timedelta(seconds=600)).isoformat(),
        phase="canary",
        bake_round=2,
        started_at=BEGAN.isoformat(),
        **dict.fromkeys(names, "x"),
    )
    made.decides = decides
    return made


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """After how many seconds somebody answers; empty for never."""
    after: list[float] = []

    async def run(self: HITLTrigger) -> AsyncIterator[TriggerEvent]:
        assert self.defaults == ["Roll back"]
        if not after:
            await asyncio.Event().wait()
        await asyncio.sleep(after[0])
        yield TriggerEvent(ANSWER)

    monkeypatch.setattr(HITLTrigger, "run", run)
    return after


async def event_of(made: Asked) -> dict[str, Any]:
    (event,) = [event async for event in made.run()]
    return dict(event.payload)


@pytest.mark.asyncio
async def test_metrics_that_turn_bad_brake_and_end_the_wait(answers: list[float]) -> None:
    made = trigger((0, Verdict.ROLLBACK))
    event = await event_of(made)
    assert (event["verdict"], event["reason"], event["brake"]) == ("rollback", "5 % errors", {"changes": {}})
    assert made.braked


@pytest.mark.asyncio
@pytest.mark.parametrize("decides", [None, (0.0, Verdict.HOLD), (0.0, Verdict.PROMOTE)])
async def test_an_answer_ends_the_wait_and_no_other_verdict_does(
    answers: list[float], decides: tuple[float, Verdict] | None
) -> None:
    answers.append(0.05)
    made = trigger(decides)
    assert await event_of(made) == ANSWER
    assert not made.braked


@pytest.mark.asyncio
async def test_metrics_that_cannot_be_checked_fail_the_task_which_rolls_back(answers: list[float]) -> None:
    made = trigger(None)

    async def fails(release: Any) -> Any:
        raise ConnectionError("the ledger is gone")

    made._bake = fails  # type: ignore[method-assign]
    with pytest.raises(ConnectionError):
        await event_of(made)


def test_a_restarted_triggerer_makes_the_same_trigger_again() -> None:
    made = trigger(None)
    path, arguments = made.serialize()
    assert path.endswith("Asked")
    assert Asked(**arguments).serialize() == (path, arguments)
    assert made._length(SimpleNamespace()) == 600  # type: ignore[arg-type]
    assert not made._ends(Decision(Verdict.PROMOTE, "well", [], 1))
    assert made._ends(Decision(Verdict.ROLLBACK, "bad", [], 1))
