"""Releases and a rollup that are under way at once, what happens to them, and what must stand afterwards."""

from __future__ import annotations

import itertools
import random
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from slipway.exceptions import ReleaseUnknown
from slipway.ledger.entries import GateDecided
from slipway.ledger.ledger import Ledger
from slipway.release.request import plan_release

from tests.chaos.whole import faults
from tests.chaos.whole.ends import disagreements, messages
from tests.chaos.whole.faults import Happening
from tests.chaos.whole.installation import Installation, Service, Ways
from tests.chaos.whole.rollups import RolledUp, Rollups
from tests.chaos.whole.tasks import FORWARD, Run
from tests.chaos.whole.users import Users, using

Kind = Literal["good", "bad", "rollback"]
PAUSE_SECONDS = 1.0
#: Of the services; to the first half good versions are released, to the others bad ones.
NAMES = ("alpha", "beta", "gamma", "delta")
#: The watchdog leaves an end alone for so long.
LATER_SECONDS = 900.0


@dataclass
class Subject:
    """One release that is under way, or a promoted one that is rolled back.

    :param before: who served before it.
    :param over_at: Unix time at which everything that a run does by itself was over.
    """

    kind: Kind
    service: Service
    run: Run
    ways: Ways
    release_id: str
    revision: str
    before: dict[str, int]
    happening: Happening | None = None
    begun_again: bool = False
    users: Users | None = None
    over_at: float = 0.0
    ended: str = ""
    faults: list[str] = field(default_factory=list)

    @property
    def process(self) -> Run:
        """What is at work, to be killed."""
        return self.run

    def carry_out(self) -> None:
        """Run the tasks in their order, and those of the rollback when one fails or a gate says so."""
        steps = ("order",) if self.kind == "rollback" else FORWARD
        gone = all(self._step(name) for name in steps)
        if gone and self.kind != "rollback":
            self._task("close promoted")
        elif gone or self.kind != "rollback":
            for name in ("roll back", "close"):
                if not self._task(name):
                    break
        if self.kind != "rollback":
            self._task("reconcile")

    def _step(self, name: str) -> bool:
        if not self._task(name):
            return False
        if not name.startswith("gate "):
            return True
        # Which way a gate leads is what it has on record.
        decided = record_of(self.release_id, GateDecided, phase=name.removeprefix("gate "))
        return decided is not None and decided.verdict == "promote"

    def _task(self, name: str) -> bool:
        return self.run.task(name, lambda: time.sleep(PAUSE_SECONDS))

    def is_over(self) -> bool:
        """Tell whether it has ended as far as the record goes."""
        try:
            release = Ledger().release(self.release_id)
        except ReleaseUnknown:
            return True
        if self.kind == "rollback":
            return release.outcome == "rolled_back"
        return release.outcome is not None

    def heal(self) -> None:
        """End it once everything is there again, as a person does whose rollback failed, and the watchdog."""
        if self.kind == "rollback" and not self.is_over():
            self.begun_again = True
            self.carry_out()
        self.run.step_clock(LATER_SECONDS)
        self._task("watchdog")


def record_of(release_id: str, kind: Any, **parts: Any) -> Any:
    """Read an entry past every way, as soon as the ledger answers."""
    deadline = time.monotonic() + 60
    while True:
        try:
            return Ledger().get(release_id, kind, **parts)
        except Exception:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def side_by_side(under_way: Sequence[Subject | RolledUp]) -> None:
    """Let everything under way do what it does by itself.

    :param under_way: releases, and a rollup.
    """

    def carry_out(each: Subject | RolledUp) -> None:
        try:
            each.carry_out()
        finally:
            each.over_at = time.time()

    threads = [threading.Thread(target=carry_out, args=(each,)) for each in under_way]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


class Waves:
    """Waves of releases, one after the other, on one installation.

    :param installation: what they depend on.
    :param folder: where their processes write.
    """

    def __init__(self, installation: Installation, folder: Path) -> None:
        self.installation, self._folder = installation, folder
        self._numbers = itertools.count(1)
        self.services = [Service(name, installation) for name in NAMES]
        self._promoted: dict[str, Subject] = {}
        self._rollups, self._turn = Rollups(installation), 0

    def wave(self, fault: str, seed: int) -> list[Subject | RolledUp]:
        """Release everywhere and roll a day up, with a fault.

        :param fault: one of everything, or of each release by itself.
        :param seed: draws when it happens, and for how long.
        """
        dice = random.Random(f"{fault} {seed}")
        released = fault not in faults.OF_ROLLUPS
        places = enumerate(self.services if released else ())
        self._turn += 1 if released else 0
        subjects = [self._begin(service, place) for place, service in places]
        day = self._rollups.begin()
        under_way: list[Subject | RolledUp] = [*subjects, day]
        happenings = list(self._arm(under_way, fault, dice))
        with ExitStack() as stack:
            for subject in subjects:
                subject.users = stack.enter_context(using(subject.service.url))
            side_by_side(under_way)
            for each in under_way:
                each.ways.calls.forget()
            for happening in happenings:
                happening.finish()
            for server in self.installation.servers.values():
                server.start()
            self._heal(subjects)
        for subject in subjects:
            self._check(subject, happenings)
            self._remember(subject)
        day.check()
        return under_way

    def _heal(self, subjects: Sequence[Subject]) -> None:
        for subject in subjects:
            subject.run.step_clock(0.0)
            if not subject.is_over() or not any(messages(subject, self.installation)):
                subject.heal()

    def _begin(self, service: Service, place: int) -> Subject:
        promoted = self._promoted.pop(service.name, None)
        ways, number = self.installation.ways(), next(self._numbers)
        environment = self.installation.connections(ways)
        before = service.split()
        if promoted is not None and self._turn % 2 == 0:
            params = {
                "version": promoted.run.params["version"],
                "release": promoted.release_id,
                "tier": "traffic",
                "reason": "the tests",
                "plan_only": False,
            }
            run = Run(f"rollback-{number}", params, None, environment, self._folder)
            return Subject(
                "rollback", service, run, ways, promoted.release_id, promoted.revision, promoted.before
            )
        kind: Kind = "good" if place < len(NAMES) // 2 else "bad"
        params = {"version": f"1.0.{number}", "leave_out_newest": True, "reason": None}
        run_id, image = f"release-{number}", f"{service.image}:{kind}"
        policy = service.policy()
        known = ("version", "leave_out_newest", "reason")
        plan = plan_release(
            params, run_id=run_id, known_fields=known, policy=policy, resolve_digest=lambda _: image
        )
        request = {"plan": plan.model_dump(mode="json"), "policy": policy.model_dump(mode="json")}
        run = Run(run_id, params, request, environment, self._folder)
        revision = plan.progressive.revisions["production"]
        return Subject(kind, service, run, ways, plan.release_id, revision, before)

    def _arm(
        self, under_way: Sequence[Subject | RolledUp], fault: str, dice: random.Random
    ) -> Iterator[Happening]:
        concerned = [each for each in under_way if faults.concerns(fault, each.kind)]
        if fault not in faults.OF_ONE:
            # It happens before a message of one of them, and to all.
            met = dice.choice(concerned)
            drawn = faults.draw(fault, met.kind, dice)
            happening = faults.of_server(drawn, self.installation)
            for each in concerned:
                each.happening = happening
            met.ways.calls.before(drawn.number, happening.happen)
            yield happening
            return
        for each in concerned:
            drawn = faults.draw(fault, each.kind, dice)
            happening = faults.of_one(drawn, each.ways, each.process, self.installation)
            each.happening = happening
            each.ways.calls.before(drawn.number, happening.happen)
            yield happening

    def _check(self, subject: Subject, happenings: Sequence[Happening]) -> None:
        subject.faults = list(disagreements(subject, self.installation, happenings))
        if subject.ended == "" and not subject.faults:
            subject.faults.append("it has no end")

    def _remember(self, subject: Subject) -> None:
        if subject.ended == "promoted" and not subject.faults:
            self._promoted[subject.service.name] = subject
        kept = set(subject.service.split()) | set(subject.before) | {subject.revision}
        subject.service.tidy(kept)
