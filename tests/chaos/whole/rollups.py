"""A day of the KPI rollup that is under way: its tasks, each try in a process of its own, and the truth."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import psycopg
from slipway.ledger.ledger import Ledger

from sandbox.databases import postgres
from sandbox.history.loading import load
from sandbox.history.truth import Truth
from tests.chaos.whole.faults import Happening
from tests.chaos.whole.installation import Installation, Ways
from tests.integration.slipway.kpi.databases import empty_source, empty_warehouse
from tests.integration.slipway.kpi.known_past import differences, make_known_past
from tests.integration.slipway.kpi.rollup import Rollup, load_dag
from tests.integration.slipway.kpi.task_process import TaskProcess

DAYS, USERS, TRIES, PAUSE_SECONDS = 20, 20, 3, 1.0
#: Checks of the data's quality, which publish nothing and take most of the time.
LEFT_OUT = ("source.quality", "check.quality")


@dataclass
class RolledUp:
    """A day that is rolled up."""

    rollup: Rollup
    truth: Truth
    tasks: tuple[str, ...]
    day: date
    ways: Ways
    environment: Mapping[str, str]
    kind: str = "rollup"
    happening: Happening | None = None
    over_at: float = 0.0
    ended: str = ""
    faults: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    _process: TaskProcess | None = None

    @property
    def process(self) -> RolledUp:
        """What is at work, to be killed."""
        return self

    def kill(self) -> None:
        """End the process that is at work."""
        if self._process is not None:
            self._process.kill_if_alive()

    def carry_out(self) -> None:
        """Run the tasks in their order, each with its tries."""
        results: dict[str, Any] = {}
        for task in self.tasks:
            if not self._task(task, results):
                self.ended = ""
                return
        self.ended = "published"

    def _task(self, task: str, results: dict[str, Any]) -> bool:
        for attempt in range(1, TRIES + 1):
            self._process = TaskProcess(task, self.day.isoformat(), attempt, results, self.environment)
            self._process.start()
            ended = self._process.wait()
            if ended.code == 0:
                results[task] = ended.result
                return True
            self.errors.append(f"{task} ended with {ended.code}")
            time.sleep(PAUSE_SECONDS)
        return False

    def check(self) -> None:
        """Find what readers see beside the truth; a day that failed is run again first, as a person does."""
        if self.ended == "":
            seen = self.rollup.values(self.day)
            if seen and (wrong := self._wrong()):
                self.faults.append(f"half a day is published: {wrong[:3]}")
            self.carry_out()
            self.ended = "run again" if self.ended else "failed for ever"
        if wrong := self._wrong():
            self.faults.append(f"{len(wrong)} KPIs are not the truth: {wrong[:3]}")
        if left := self.rollup.staging_tables():
            self.faults.append(f"left behind: {left}")

    def _wrong(self) -> list[str]:
        return differences({self.day: self.rollup.values(self.day)}, {self.day: self.truth.day(self.day)})


class Rollups:
    """The days of a known past, one after the other.

    :param installation: the databases.
    """

    def __init__(self, installation: Installation) -> None:
        self._installation = installation
        settings, product = installation.settings, installation.product
        past = make_known_past(Ledger(), settings, days=DAYS, users=USERS)
        with psycopg.connect(postgres.uri(settings, "slipway"), autocommit=True) as connection:
            # The known past has set them aside to date its releases back.
            connection.execute("ALTER TABLE ledger_entry ENABLE TRIGGER ALL")
        with psycopg.connect(postgres.uri(product, "netra_production"), autocommit=True) as connection:
            empty_source(connection)
            load(connection, past.all)
        self.rollup = Rollup(product)
        self._truth = Truth(past.all, past.recipe.serving)
        self._days, self._left = past.days, list[date]()
        self._tasks = tuple(
            task.task_id for task in load_dag().topological_sort() if task.task_id not in LEFT_OUT
        )

    def begin(self) -> RolledUp:
        """Return the next day, to be rolled up for the first time."""
        if not self._left:
            empty_warehouse(self.rollup)
            self.rollup.run(self._days[0].isoformat(), until="migrate")
            self._left = list(self._days)
        ways = self._installation.ways()
        environment = self._installation.connections(ways)
        return RolledUp(self.rollup, self._truth, self._tasks, self._left.pop(0), ways, environment)
