"""A task killed at any of its outside calls is run again, and ends as if nothing had happened."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Literal

import pytest

from tests import sampling
from tests.chaos import fault_table
from tests.chaos.world import CANARY, STABLE, World
from tests.integration.slipway.hooks.fault_proxy import Fault

pytestmark = [pytest.mark.chaos, pytest.mark.sandbox, pytest.mark.timeout(900)]

Moment = Literal["before", "after"]
Victim = Callable[[], str | None]
"""Says at which call the task was killed; None when it was not."""

BEGINNINGS = {"shift": STABLE, "warm up": STABLE, "roll back": CANARY}
ENDS = {"shift": CANARY, "warm up": STABLE, "roll back": STABLE}
WRITES = {"shift": 1, "warm up": 0, "roll back": 1}
FEWEST = {
    "Cloud Run": {"shift": 4, "warm up": 2, "roll back": 4},
    "ledger": {"shift": 15, "warm up": 9, "roll back": 12},
}


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


@pytest.mark.parametrize("one_in", sampling.one_in(3))
@pytest.mark.parametrize("task", BEGINNINGS)
@pytest.mark.parametrize(
    ("door", "moment"), [("Cloud Run", "before"), ("Cloud Run", "after"), ("ledger", "after")]
)
def test_a_killed_task_finds_its_own_work_done(
    world: World, task: str, door: str, moment: Moment, one_in: int
) -> None:
    for number in sampling.numbers(one_in):
        world.begin(BEGINNINGS[task], asks=task == "warm up")
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
        assert world.generation() == generation + WRITES[task], "the traffic is written once"
        fault_table.add(task, f"SIGKILL {moment} {door}: {call}", 2, "as asked")
    assert number > FEWEST[door][task], "up to its last call the task had places to be killed at"
    world.end()


@pytest.mark.parametrize(
    ("number", "moment"), sampling.sampled(itertools.product((1, 60, 120), ("before", "after")), 2)
)
def test_a_task_killed_while_it_sees_who_answers_looks_again(
    world: World, number: int, moment: Moment
) -> None:
    world.begin(STABLE, asks=True)
    generation = world.generation()
    if moment == "before":
        fault = Fault("GET", "/health", skip=number - 1, lost="request", before=world.kill)
    else:
        fault = Fault("GET", "/health", skip=number - 1, lost="answer", after=world.kill)
    injected = world.web.inject(fault)
    ended = world.run("shift")
    assert (ended.code, injected.times) == (-9, 0), ended
    assert world.run("shift").succeeded, world.runs[-1]
    world.check("shift", "verify", split=CANARY)
    assert world.generation() == generation + 1, "the traffic is written once"
    fault_table.add("shift", f"SIGKILL {moment} request {number} of its verification", 2, "as asked")


def test_a_warm_up_killed_in_its_smoke_tests_runs_them_again(world: World) -> None:
    world.begin(STABLE, asks=True)
    world.candidate.inject(Fault("GET", "/smoke", before=world.kill))
    assert world.run("warm up").code == -9
    assert world.run("warm up").succeeded, world.runs[-1]
    world.check("warm up", split=STABLE)
    assert world.candidate.count("GET", "/smoke") == 2
    fault_table.add("warm up", "SIGKILL in its smoke tests", 2, "as asked")
