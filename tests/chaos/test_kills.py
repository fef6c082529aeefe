"""A task killed at any of its outside calls is run again, and ends as if nothing had happened."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Literal

import pytest

from tests.chaos import fault_table
from tests.chaos.world import CANARY, STABLE, World
from tests.integration.slipway.hooks.fault_proxy import Fault

pytestmark = [pytest.mark.chaos, pytest.mark.sandbox, pytest.mark.timeout(400)]

Moment = Literal["before", "after"]
Victim = Callable[[], str | None]
"""Says at which call the task was killed; None when it was not."""

BEGINNINGS = {"shift": STABLE, "roll back": CANARY}
ENDS = {"shift": CANARY, "roll back": STABLE}
FEWEST = {"Cloud Run": 4, "ledger": 9}


def kill_at_api_call(world: World, number: int, moment: Moment) -> Victim:
    """Kill the task at its n-th call of Cloud Run."""
    if moment == "before":
        fault = Fault(".*", "", skip=number - 1, lost="request", before=world.kill)
    else:
        fault = Fault(".*", "", skip=number - 1, lost="answer", after=world.kill)
    injected = world.api.inject(fault)

    def victim() -> str | None:
        if injected.times:
            return None
        exchange = world.api.seen[number - 1]
        return f"{exchange.method} {exchange.path.split('/')[6]}"

    return victim


def kill_at_statement(world: World, number: int, moment: Moment) -> Victim:
    """Kill the task at its n-th statement to the ledger."""
    if moment == "before":
        world.database.cut_at(number, before=world.kill)
    else:
        world.database.cut_at(number, after=world.kill)
    return lambda: " ".join(world.database.seen[number - 1].split()[:4]) if world.database.happened else None


DOORS = {"Cloud Run": kill_at_api_call, "ledger": kill_at_statement}


@pytest.mark.parametrize("task", BEGINNINGS)
@pytest.mark.parametrize(
    ("door", "moment"), [("Cloud Run", "before"), ("Cloud Run", "after"), ("ledger", "after")]
)
def test_a_killed_task_finds_its_own_work_done(world: World, task: str, door: str, moment: Moment) -> None:
    for number in itertools.count(1):
        world.begin(BEGINNINGS[task])
        generation = world.generation()
        victim = DOORS[door](world, number, moment)
        ended = world.run(task)
        call = victim()
        if call is None:
            assert ended.succeeded, ended
            break
        assert ended.code == -9, ended
        world.database.reset()
        again = world.run(task)
        assert again.succeeded, again
        world.check(task, split=ENDS[task])
        assert world.generation() == generation + 1, "the traffic is written once"
        fault_table.add(task, f"SIGKILL {moment} {door}: {call}", 2, "as asked")
    assert number > FEWEST[door], "every call of the task was a place to be killed at"
    world.end()
