"""An emergency brake never waits behind calls that are less urgent."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from slipway.analysis.verdict import Cause, Decision, Verdict
from slipway.triggers import bake, foreign_changes
from slipway.triggers.bake import BakeTrigger
from slipway.triggers.foreign_changes import ForeignChanges

BAKES = 100
BAKING = Decision(Verdict.HOLD, "baking", [], 15.0, Cause.BAKING)


@pytest.fixture
def answering() -> Iterator[threading.Event]:
    """Cloud Run answers when this is set; in the end it is, so that no thread is left behind."""
    event = threading.Event()
    yield event
    event.set()


@pytest.mark.asyncio
async def test_a_brake_is_pulled_while_every_other_bake_waits_for_google(
    answering: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    def wait(_: ForeignChanges, decision: Decision) -> Decision:
        assert answering.wait(60)
        return decision

    braked: list[str] = []
    monkeypatch.setattr(ForeignChanges, "_weigh", wait)
    monkeypatch.setattr(foreign_changes, "_READ_SECONDS", 60.0)

    def restore(release: Any, *_: Any) -> dict[str, Any]:
        braked.append(release.release_id)
        return {}

    monkeypatch.setattr(bake, "restore_stable_traffic", restore)
    release: Any = SimpleNamespace(release_id="v1-1-0-abcdef")
    names = ("release_id", "started_at", "ledger_conn_id", "gcp_conn_id", "promql_conn_id")
    trigger = BakeTrigger(phase="canary", bake_round=1, **dict.fromkeys(names, "x"))
    monkeypatch.setattr(bake, "Ledger", lambda _: None)
    monkeypatch.setattr("slipway.hooks.cloud_run.hook.CloudRunTrafficHook", lambda **_: None)
    changes = ForeignChanges(release, "x", "x", log=trigger.log)
    waiting = [asyncio.create_task(changes.weigh(BAKING)) for _ in range(BAKES)]
    await asyncio.sleep(0)
    assert "error" not in await asyncio.wait_for(trigger._brake(release), 30)
    assert braked == ["v1-1-0-abcdef"]
    assert not any(task.done() for task in waiting), "the others still wait"
    answering.set()
    await asyncio.gather(*waiting)
