"""Cloud Run refuses, is late, loses answers or does not do as asked: every task ends as its record says.

A task that fails is run again once, as Airflow does; when it fails again, the release is rolled back.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from tests import sampling
from tests.chaos import fault_table
from tests.chaos.world import CANARY, SERVICE, STABLE, World
from tests.integration.slipway.hooks.fault_proxy import Fault

pytestmark = [pytest.mark.chaos, pytest.mark.sandbox, pytest.mark.timeout(900)]

WRITE, READ, POLL = ("PATCH", "services/"), ("GET", rf"services/{SERVICE}(\?|$)"), ("GET", "operations")
ASKED = ("GET", "/health")
LASTING = 10_000
HALF = {"web-a": 50, "web-b": 50}
MOVED = r"ReleaseConflict: .*web .*(changed since it was read|generation \d+ -> \d+)"
BEGINNINGS = {"shift": STABLE, "roll back": CANARY}
ENDS = {"shift": CANARY, "roll back": STABLE}


def never_done(content: bytes) -> bytes:
    """Make an operation's answer say that it still runs."""
    operation = json.loads(content)
    return json.dumps({"name": operation["name"], "metadata": operation["metadata"], "done": False}).encode()


def still_pinned(content: bytes) -> bytes:
    """Make a service's answer say that only the stable revision gets requests."""
    service = json.loads(content)
    for status in service["trafficStatuses"]:
        status["percent"] = STABLE.get(status["revision"], 0)
    return json.dumps(service).encode()


ASKING = {
    "answer of a request lost": ("shift", Fault(*ASKED, skip=5, lost="answer")),
    "a request answered 503": ("shift", Fault(*ASKED, skip=5, status=503)),
    "a request times out": ("shift", Fault(*ASKED, skip=5, lost="answer", delay=1.6)),
    "read of the instances answered 503": ("warm up", Fault("GET", "revisions/", status=503)),
    "read of the service answered 429": ("warm up", Fault(*READ, status=429)),
    "answer of the read lost": ("warm up", Fault(*READ, lost="answer")),
}
PASSING = {
    **{f"write answered {status}": Fault(*WRITE, status=status) for status in (409, 412, 429, 500, 503)},
    **{f"read answered {status}": Fault(*READ, status=status) for status in (409, 412, 429, 500, 503)},
    **{f"poll answered {status}": Fault(*POLL, status=status) for status in (409, 412, 429, 500, 503)},
    "write times out before it is applied": Fault(*WRITE, lost="request", delay=2.0),
    "write times out once it is applied": Fault(*WRITE, lost="answer", delay=2.0),
    "read times out": Fault(*READ, skip=1, lost="answer", delay=2.7),
    "answer of the write lost": Fault(*WRITE, lost="answer"),
    "answer of the read lost": Fault(*READ, lost="answer"),
    "answer of the poll lost": Fault(*POLL, lost="answer"),
    "operation never ends": Fault(*POLL, rewrite=never_done, times=LASTING),
}


@pytest.mark.parametrize(("task", "fault"), sampling.sampled(itertools.product(BEGINNINGS, PASSING), 12))
def test_a_fault_that_passes_leaves_no_trace(world: World, task: str, fault: str) -> None:
    world.begin(BEGINNINGS[task])
    generation = world.generation()
    injected = world.api.inject(PASSING[fault])
    while not world.run(task).succeeded:
        assert len(world.runs) < 2, world.runs
        assert SERVICE in world.runs[-1].error, "a failure names the service"
    assert injected.times < PASSING[fault].times, "the fault did happen"
    world.check(task, split=ENDS[task])
    assert world.generation() == generation + 1, "the traffic is written once"
    fault_table.add(task, fault, len(world.runs), "as asked")


@pytest.mark.parametrize("fault", ASKING)
def test_a_fault_that_passes_does_not_change_what_is_seen(world: World, fault: str) -> None:
    task, injected = ASKING[fault]
    world.begin(STABLE, asks=True)
    proxy = world.web if task == "shift" else world.api
    happening = proxy.inject(injected)
    assert world.run(task).succeeded, world.runs
    assert happening.times == 0, "the fault did happen"
    if task == "shift":
        world.check("shift", "verify", split=CANARY)
    else:
        world.check("warm up", split=STABLE)
    fault_table.add(task, fault, 1, "as asked")


@dataclass(frozen=True)
class Refused:
    """A step that cannot succeed.

    :param begins: makes the world that it meets.
    :param error: what its log must say.
    :param task: the step.
    :param revision: the release's new revision.
    :param image: tag of its image.
    :param asks: whether the new revision is warmed up and the shift verified.
    :param tries: how often Airflow runs the task: what is decided is not tried again.
    """

    begins: Callable[[World], object]
    error: str
    task: str = "shift"
    revision: str = "web-b"
    image: str = "1"
    asks: bool = False
    tries: int = 2


def _answers(fault: Fault) -> Callable[[World], object]:
    return lambda world: world.api.inject(fault)


def _service_answers(fault: Fault) -> Callable[[World], object]:
    return lambda world: world.web.inject(fault)


def _candidate_answers(fault: Fault) -> Callable[[World], object]:
    return lambda world: world.candidate.inject(fault)


REFUSED = {
    "every write answered 503": Refused(
        _answers(Fault(*WRITE, status=503, times=LASTING)), "CloudRunError: .*web .*injected"
    ),
    "every write answered 409": Refused(_answers(Fault(*WRITE, status=409, times=LASTING)), MOVED),
    "pinned revision keeps 0 %": Refused(
        _answers(Fault(*READ, rewrite=still_pinned, times=LASTING)),
        r"CloudRunTimeout: .*traffic is \{'web-a': 100.*\} and not .*'web-b': 10",
    ),
    "another writer before the write": Refused(
        lambda world: world.api.inject(Fault(*WRITE, before=lambda: world.move({"web-a": 60, "web-b": 40}))),
        MOVED,
    ),
    "another writer after the write": Refused(
        lambda world: world.api.inject(Fault(*POLL, before=lambda: world.move({"web-a": 30, "web-b": 70}))),
        "ReleaseConflict: .*changed again",
    ),
    "another writer before the task": Refused(
        lambda world: world.move({"web-a": 20, "web-b": 80}), "TrafficDrift: .*'web-b': 80"
    ),
    "another writer leaves half and half before the task": Refused(
        lambda world: world.move(HALF), "TrafficDrift: .*'web-b': 50"
    ),
    "another writer leaves half and half before the write": Refused(
        lambda world: world.api.inject(Fault(*WRITE, before=lambda: world.move(HALF))), MOVED
    ),
    "another writer leaves half and half after the write": Refused(
        lambda world: world.api.inject(Fault(*POLL, before=lambda: world.move(HALF))),
        "ReleaseConflict: .*changed again",
    ),
    "service answers 503 to everybody": Refused(
        _service_answers(Fault(*ASKED, status=503, times=LASTING)),
        "AirflowFailException: .*no answer to /health names its revision",
        asks=True,
        tries=1,
    ),
    "service hangs": Refused(
        _service_answers(Fault(*ASKED, lost="answer", delay=1.6, times=LASTING)),
        "AirflowFailException: .*no answer to /health names its revision",
        asks=True,
        tries=1,
    ),
    "service hangs on the way": Refused(
        _service_answers(Fault(*ASKED, skip=60, lost="answer", delay=1.6, times=LASTING)),
        r"AirflowFailException: .*\d of 6\d requests got no answer",
        asks=True,
        tries=1,
    ),
    "new revision answers 503": Refused(
        _candidate_answers(Fault("GET", "/smoke", status=503, times=LASTING)),
        "AirflowFailException: .*not started: smoke tests failed",
        "warm up",
        asks=True,
        tries=1,
    ),
    "new revision hangs": Refused(
        _candidate_answers(Fault("GET", "/smoke", lost="answer", delay=12.0, times=LASTING)),
        "CommandFailed: .*not done after 10 s",
        "warm up",
        asks=True,
        tries=1,
    ),
    "every read refused before a warm-up": Refused(
        _answers(Fault("GET", "revisions/", status=409, times=LASTING)),
        "CloudRunError: .*web .*injected",
        "warm up",
        asks=True,
        tries=1,
    ),
    "revision that crashes": Refused(
        lambda _: None, "RevisionNotReady: .*web-crashes", "deploy", "web-crashes", "crashes"
    ),
    "revision that never becomes ready": Refused(
        lambda _: None, "(RevisionNotReady|CloudRunTimeout): .*web-hangs", "deploy", "web-hangs", "hangs"
    ),
}


@pytest.mark.parametrize("fault", sampling.sampled(REFUSED, 8))
def test_a_step_that_cannot_succeed_is_refused_and_rolled_back(world: World, fault: str) -> None:
    case = REFUSED[fault]
    world.begin(STABLE, revision=case.revision, image=case.image, asks=case.asks)
    case.begins(world)
    for _ in range(case.tries):
        ended = world.run(case.task)
        assert not ended.succeeded
    errors = "\n".join(run.error for run in world.runs)
    assert re.search(case.error, errors), errors
    world.api.reset()
    done = world.done()
    assert world.run("roll back").succeeded
    world.check(*done, "roll back", split=STABLE)
    fault_table.add(case.task, fault, len(world.runs), "rolled back")
