"""Carries out the cells of the matrix, one after another, on one sandbox."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

from sandbox.cloud import team_room
from sandbox.demo import record, story
from sandbox.demo.airflow_client import AirflowClient, RunTimeout
from sandbox.drill import drilled as doors
from sandbox.drill.agreement import GONE, Found, disagreements
from sandbox.drill.drilled import Drilled, LiveService
from sandbox.drill.machinery import Machinery
from sandbox.drill.matrix import ASKS, GROUPS, PROGRESSIVE, WEEK, Cell, Place, places
from sandbox.supervisor.settings import Settings

POLICY, VERSION = "drill.yaml", "1.1.2"
APPROVALS = tuple(f"{GROUPS[phase]}.approve" for phase in ("preparation", "canary"))
BAKES = tuple(f"{GROUPS[phase]}.bake" for phase in PROGRESSIVE)
#: From the moment at which the machinery is up, or the run has ended, until every place says the same.
AGREE_SECONDS = 60.0
#: The watchdog looks once a minute after what no run looks after.
WATCHDOG_SECONDS = 60.0
#: Until a release stands at its place, or has ended after an act that it survives.
RELEASE_SECONDS = 900.0
#: What a person needs at least to answer a question.
THINKING_SECONDS = 3.0
#: From here on no measurement of a busy machine keeps a good release from its promotion.
PROMOTABLE = next(place for place in places() if str(place) == "full gate")
_ENDED = ("success", "failed")


@dataclass
class Carried:
    """A cell that was carried out.

    :param to_safety: seconds from the act until the release's revision had no traffic; None when it kept it.
    :param to_agreement: seconds from the end of the run, or the act on an ended release, until all agreed.
    :param found: what was found at the end; None when the release did not come to its place.
    :param faults: where the places disagree, or the outcome is none of the expected ones.
    """

    cell: Cell
    seconds: float = 0
    to_safety: float | None = None
    to_agreement: float | None = None
    found: Found | None = None
    faults: list[str] = field(default_factory=list)


class Drill:
    """One sandbox, and the cells that it serves.

    :param settings: the sandbox.
    :param airflow: Airflow's API, as who requests the releases.
    :param approver: the same as who answers their questions.
    """

    def __init__(self, settings: Settings, airflow: AirflowClient, approver: AirflowClient) -> None:
        self._settings, self._airflow, self._approver = settings, airflow, approver
        self._live, self._machinery = LiveService(settings), Machinery(settings)
        (self._stable,) = self._live.split()
        self._spare = self._live.deploy("the drill's")
        self._promoted: Drilled | None = None
        self._asked = dict[str, float]()

    def carry_out(self, cell: Cell) -> Carried:
        """Bring a release to its place, act on it, follow it to its end, and read what every place says.

        :param cell: what is done where.
        """
        began, carried = time.monotonic(), Carried(cell)
        try:
            if cell.place.has_ended:
                self._after_the_end(cell, carried)
            else:
                self._under_way(cell, carried)
        except (RunTimeout, TimeoutError, httpx.HTTPStatusError) as error:
            carried.faults.append(str(error))
        carried.seconds = time.monotonic() - began
        return carried

    def _under_way(self, cell: Cell, carried: Carried) -> None:
        release = self._at(cell.place)
        acted = time.time()
        cell.act.do(release, cell.place)
        up = time.monotonic()
        self._follow(release, answer=cell.act.answer, bound=_bound(cell) if cell.act.at_once else None)
        if cell.place.serves:
            carried.to_safety = self._safe_at(release, acted)
        self._agree(release, carried, since=up if cell.act.at_once else time.monotonic())

    def _at(self, place: Place) -> Drilled:
        """Return a release that stands at a place."""
        self.clean()
        release = self._release()
        try:
            self._bring(release, place)
        except RunTimeout:
            # A busy machine fails the load test of staging now and then, which is no cell's fault.
            self.clean()
            release = self._release()
            self._bring(release, place)
        return release

    def _after_the_end(self, cell: Cell, carried: Carried) -> None:
        release = self._promoted
        if release is None:
            release = self._at(PROMOTABLE)
            self._follow(release)
            self._agree(release, carried, since=time.monotonic())
            if carried.faults:
                return
        if cell.place.phase == WEEK:
            doors.age_by_a_week(self._settings)
        self._promoted = None
        cell.act.do(release, cell.place)
        up = time.monotonic()
        # What changes the split is the watchdog's to see; so is nothing else, which it must not harm.
        time.sleep(WATCHDOG_SECONDS)
        self._follow(release)
        self._agree(release, carried, since=up, colour=_colour(cell))
        if not carried.faults and dict(self._live.split()) == {release.revision: 100}:
            self._promoted = release if carried.found and carried.found.run == "success" else None

    def _release(self) -> Drilled:
        reason = {"reason": "drill", "release_again": True, "leave_out_newest": True}
        run_id = self._airflow.start("release", conf={"version": VERSION, "policy": POLICY, **reason})
        deadline = time.monotonic() + 2 * AGREE_SECONDS
        while (row := record.release_of_run(self._settings, run_id)) is None:
            if time.monotonic() > deadline:
                raise RunTimeout(f"run {run_id} opened no release")
            time.sleep(0.5)
        (stable,) = row["stable"][story.SERVICE]
        revision = row["plan"]["services"]["backend"]["revisions"]["production"]
        return Drilled(
            self._settings, self._airflow, self._live, self._machinery, run_id, stable, revision, self._spare
        )

    def _bring(self, release: Drilled, place: Place) -> None:
        """Follow a release to a place; a bake is frozen where the place is its question."""
        deadline, frozen = time.monotonic() + RELEASE_SECONDS, False
        while not self._stands(release, place, state := self._state(release, str(place.task))):
            if self._run(release) in (*_ENDED, GONE) or time.monotonic() > deadline:
                row = self._row(release)
                raise RunTimeout(
                    f"release {row['release_id']} did not come to {place}, its task was {state}:"
                    f" {row['reason'] or 'it is still open'}"
                )
            if place.is_frozen and state == "deferred" and not frozen:
                doors.outage(self._settings).touch()
                frozen = True
            for approval in APPROVALS:
                if approval != place.task:
                    self._answer(release, approval, "Approve")
            time.sleep(0.1)
        doors.outage(self._settings).unlink(missing_ok=True)
        if place.asks:
            time.sleep(THINKING_SECONDS)

    def _follow(self, release: Drilled, *, answer: str = "Bake on", bound: float | None = None) -> None:
        """Answer what is asked until the run has ended, and the release too."""
        deadline = time.monotonic() + (bound or RELEASE_SECONDS)
        while time.monotonic() < deadline:
            # A component of Airflow may end when its database does.
            self._machinery.mend()
            if self._run(release) in (*_ENDED, GONE) and self._row(release)["outcome"] is not None:
                return
            for approval in APPROVALS:
                self._answer(release, approval, "Approve")
            for bake in BAKES:
                self._answer(release, bake, answer)
            time.sleep(0.5)

    def _answer(self, release: Drilled, task: str, option: str) -> None:
        if not self._is_asked(release, task):
            self._asked.pop(task, None)
        # Airflow fails a task that is answered before its scheduler has seen it pause; no person is so quick.
        elif time.monotonic() > self._asked.setdefault(task, time.monotonic()) + THINKING_SECONDS:
            try:
                self._approver.answer("release", release.run_id, task, option)
            except httpx.HTTPStatusError as error:
                # Answered a moment ago, and the task has not gone on yet.
                if error.response.status_code != httpx.codes.CONFLICT:
                    raise

    def _agree(self, release: Drilled, carried: Carried, *, since: float, colour: str | None = None) -> None:
        deadline = since + _bound(carried.cell)
        while True:
            found = self._found(release)
            faults = list(disagreements(found, colour=colour))
            if not faults or time.monotonic() > deadline:
                break
            time.sleep(1)
        carried.found, carried.faults = found, faults
        if not faults:
            carried.to_agreement = time.monotonic() - since
        if found.outcome is not None and found.outcome not in carried.cell.outcomes:
            carried.faults.append(f"{found.outcome}, expected {' or '.join(sorted(carried.cell.outcomes))}")

    def _found(self, release: Drilled) -> Found:
        row = self._row(release)
        address = f"/slipway/api/releases/{row['release_id']}"
        page, data = (self._airflow.page(path).json() for path in (address, f"{address}/ledger/export"))
        return Found(
            release_id=row["release_id"],
            own=release.revision,
            split=self._live.split(),
            outcome=row["outcome"],
            reason=str(row["reason"] or ""),
            run=self._run(release),
            page=str(page["standing"]["state"]),
            unbroken=data["first_broken_entry"] is None,
            entries={entry["key"]: entry["payload"].get("serving") for entry in data["entries"]},
            messages=[str(message["text"]) for message in team_room.messages(self._settings)],
        )

    def _safe_at(self, release: Drilled, acted: float) -> float | None:
        steps = record.traffic_steps(self._settings, story.SERVICE)
        if not steps or release.revision in steps[-1].split:
            return None
        with_traffic = [index for index, step in enumerate(steps) if release.revision in step.split]
        if not with_traffic:
            return None
        return max(0.0, steps[with_traffic[-1] + 1].at - acted)

    def clean(self) -> None:
        """Bring the sandbox back to where the first cell found it."""
        doors.misbehaviour(self._settings).unlink(missing_ok=True)
        doors.outage(self._settings).unlink(missing_ok=True)
        self._machinery.mend()
        self._promoted = None
        for run in self._airflow.get("/dags/release/dagRuns", state=["queued", "running"])["dag_runs"]:
            self._airflow.mark_run("release", run["dag_run_id"], "failed")
            self._airflow.wait("release", run["dag_run_id"], bound=2 * AGREE_SECONDS)
        for release_id in record.not_rolled_back(self._settings):
            conf = {"release": release_id, "reason": "drill: the next cell", "tier": "traffic"}
            self._airflow.wait(
                "rollback", self._airflow.start("rollback", conf=conf), bound=2 * AGREE_SECONDS
            )
        if dict(self._live.split()) != {self._stable: 100}:
            self._live.set_split({self._stable: 100})

    def _row(self, release: Drilled) -> Mapping[str, Any]:
        return record.release_of_run(self._settings, release.run_id) or {}

    def _run(self, release: Drilled) -> str:
        return self._read(f"/dags/release/dagRuns/{release.run_id}")

    def _state(self, release: Drilled, task: str) -> str:
        return self._read(f"/dags/release/dagRuns/{release.run_id}/taskInstances/{task}")

    def _stands(self, release: Drilled, place: Place, state: str) -> bool:
        stands = not place.asks or self._is_asked(release, str(place.task))
        return state in place.states and stands

    def _is_asked(self, release: Drilled, task: str) -> bool:
        if self._state(release, task) not in ASKS:
            return False
        try:
            return self._airflow.is_asked("release", release.run_id, task)
        except httpx.HTTPError:
            return False

    def _read(self, path: str) -> str:
        try:
            return str(self._airflow.get(path)["state"])
        except httpx.TransportError:
            return "no answer"
        except httpx.HTTPStatusError as error:
            if error.response.status_code == httpx.codes.NOT_FOUND:
                return GONE
            if error.response.is_server_error:
                return "no answer"
            raise


def _bound(cell: Cell) -> float:
    """Return the seconds within which every place must say the same."""
    watched = cell.place.has_ended or cell.act.title == "run deleted"
    return AGREE_SECONDS + (WATCHDOG_SECONDS if watched else 0)


def _colour(cell: Cell) -> str | None:
    """Return the colour that a person gives to the run of a release that has ended."""
    return {"run marked failed": "failed", "run marked success": "success"}.get(cell.act.title)
