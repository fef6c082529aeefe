"""``python -m sandbox.drill``: act on releases, take them back, and print how each ended."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

from sandbox.__main__ import main as sandbox
from sandbox.cloud import team_room
from sandbox.demo import record, story
from sandbox.demo.airflow_client import AirflowClient, RunTimeout
from sandbox.drill.acts import ACTS, BAKE, Act, Drilled, cloud_client
from sandbox.drill.promoted import TakenBack, take_back
from sandbox.supervisor.settings import Settings

#: After the act: how long the release may take to its end, in seconds.
AGREE_SECONDS = 60.0
BAKING_SECONDS = 400.0


@dataclass(frozen=True)
class Ended:
    """How a release ended after an act, read from every place that tells.

    :param seconds: from the act to the previous revision at 100 %.
    :param ledger: outcome in the ledger.
    :param reason: reason in the ledger.
    :param run: colour of the Airflow run.
    :param page: whether the Release page says the outcome.
    :param message: whether the team was notified of the outcome, once.
    """

    act: Act
    seconds: float | None
    ledger: str | None
    reason: str
    run: str
    page: bool
    message: bool

    @property
    def agrees(self) -> bool:
        """True when every place says the same."""
        return (
            self.seconds is not None
            and self.ledger == "rolled_back"
            and self.act.words in self.reason
            and self.run == "failed"
            and self.page
            and self.message
        )


def drill(settings: Settings, airflow: AirflowClient, act: Act) -> tuple[Ended, Drilled]:
    """Release the good version, act on it in its canary, and read how it ended.

    :param settings: the sandbox.
    :param airflow: Airflow's API.
    :param act: what is done.
    :raises RunTimeout: when the canary does not bake, or the run does not end, within its bound.
    """
    conf = {"version": story.GOOD_VERSION, "reason": f"drill: {act.title}", "release_again": True}
    run_id = airflow.start("release", conf=conf)
    airflow.wait_for_task("release", run_id, BAKE, "deferred", bound=BAKING_SECONDS)
    row = record.release_of_run(settings, run_id) or {}
    (stable,) = row["stable"][story.SERVICE]
    revision = row["plan"]["services"]["backend"]["revisions"]["production"]
    drilled = Drilled(airflow, cloud_client(settings), run_id, stable, revision)
    began = time.monotonic()
    act.do(drilled)
    seconds = None
    while seconds is None and time.monotonic() < began + AGREE_SECONDS:
        if drilled.split() == {stable: 100}:
            seconds = time.monotonic() - began
        time.sleep(0.1)
    state = airflow.wait("release", run_id, bound=AGREE_SECONDS)
    row = record.release_of_run(settings, run_id) or row
    page = airflow.page(f"/slipway/api/releases/{row['release_id']}").json()
    outcome = f"({row['release_id']}, outcome)"
    said = [message for message in team_room.messages(settings) if outcome in message["text"]]
    ended = Ended(
        act,
        seconds,
        row["outcome"],
        str(row["reason"]),
        state.state,
        page["standing"]["state"] == "rolled_back",
        len(said) == 1,
    )
    return ended, drilled


def traffic_after_the_end(drilled: Drilled) -> float | None:
    """Give a release traffic by hand after it was rolled back; return the seconds until it is gone again.

    :param drilled: the release, which has ended.
    """
    began = time.monotonic()
    drilled.set_split(60)
    while time.monotonic() < began + 2 * AGREE_SECONDS:
        if drilled.split() == {drilled.stable: 100}:
            return time.monotonic() - began
        time.sleep(0.2)
    return None


def main() -> int:
    """Start the sandbox unless it is up, act, and print the table.

    :return: exit code: 0 when after every act every place said the same.
    """
    console, settings = Console(width=150), Settings.from_environment()
    code = sandbox(["up"])
    if code:
        return code
    table = Table("in the canary", "stable at 100 %", "ledger", "run", "page", "message", "reason", "")
    with AirflowClient(settings) as airflow:
        airflow.wait_for_dags((*story.DAGS, "release_watchdog", "rollback"), bound=180)
        held, drilled = True, None
        for act in ACTS:
            try:
                ended, drilled = drill(settings, airflow, act)
            except RunTimeout as error:
                table.add_row(act.title, "", "", "", "", "", str(error), "✗")
                held = False
                continue
            held = held and ended.agrees
            table.add_row(
                act.title,
                "never" if ended.seconds is None else f"{ended.seconds:.1f} s",
                str(ended.ledger),
                ended.run,
                "✓" if ended.page else "✗",
                "✓" if ended.message else "✗",
                ended.reason,
                "✓" if ended.agrees else "✗",
            )
        back = None if drilled is None else traffic_after_the_end(drilled)
        held = held and back is not None
        watched = "never" if back is None else f"{back:.1f} s"
        table.add_row("60 % by hand after the end", watched, "", "", "", "", "", "✓" if back else "✗")
        console.print(table)
        taken_back = take_back(settings, airflow, console)
    console.print(_table(taken_back))
    return 0 if held and all(each.holds for each in taken_back) else 1


def _table(taken_back: Sequence[TakenBack]) -> Table:
    table = Table("after promotion", "stable at 100 %", "at most", "requests dropped", "")
    for each in taken_back:
        seconds = "never" if each.seconds is None else f"{each.seconds:.1f} s"
        table.add_row(each.way, seconds, f"{each.bound:g} s", str(each.dropped), "✓" if each.holds else "✗")
    return table


if __name__ == "__main__":
    sys.exit(main())
