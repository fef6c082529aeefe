"""Takes back a release that everybody has: from the DAG ``rollback``, and with all of Airflow gone."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

from rich.console import Console

from sandbox.airflow.command import run
from sandbox.demo import record, story
from sandbox.demo.airflow_client import AirflowClient
from sandbox.demo.display import Progress
from sandbox.drill.drilled import LiveService
from sandbox.drill.machinery import AIRFLOW, Machinery
from sandbox.supervisor.settings import Settings

#: As good as the good version, which the acts in the canary have rolled back.
VERSION = "1.1.1"
#: From the trigger button, the start of the workers included; without Airflow from the command's start.
DAG_SECONDS, COMMAND_SECONDS = 20.0, 10.0
_RUN_SECONDS = 120.0


@dataclass(frozen=True)
class TakenBack:
    """How a promoted release was taken back.

    :param way: how.
    :param seconds: from the order to the previous revision at 100 %; None when it never was.
    :param bound: seconds that it may take.
    :param dropped: requests that no instance answered.
    """

    way: str
    seconds: float | None
    bound: float
    dropped: int

    @property
    def holds(self) -> bool:
        """True when it was in time and no user noticed."""
        return self.seconds is not None and self.seconds <= self.bound and not self.dropped


def take_back(settings: Settings, airflow: AirflowClient, console: Console) -> list[TakenBack]:
    """Promote the good version, take it back from Airflow; give it all traffic again, take it back without.

    All of Airflow is killed for the second: the sandbox is of no use afterwards.

    :param settings: the sandbox.
    :param airflow: Airflow's API.
    :param console: where progress is shown.
    :raises RuntimeError: when the good version was not promoted.
    """
    good = story.release(airflow, settings, VERSION, Progress(console, settings, service=story.SERVICE))
    if good.outcome != "promoted":
        raise RuntimeError(f"{good.version} was not promoted: {good.reason}")
    (stable,) = good.stable[story.SERVICE]
    release, live = good.plan["release_id"], LiveService(settings)

    def by_dag() -> None:
        conf = {"release": release, "reason": "drill", "tier": "traffic"}
        airflow.wait("rollback", airflow.start("rollback", conf=conf), bound=_RUN_SECONDS)

    def by_command() -> None:
        run(settings, [sys.executable, "-m", "slipway", "rollback", release, "--reason", "drill"])

    from_airflow = _measured("DAG rollback", by_dag, settings, stable, DAG_SECONDS)
    Machinery(settings).kill(*AIRFLOW)
    live.set_split({good.revision: 100})
    without = _measured("command, no Airflow", by_command, settings, stable, COMMAND_SECONDS)
    return [from_airflow, without]


def _measured(
    way: str, order: Callable[[], None], settings: Settings, stable: str, bound: float
) -> TakenBack:
    began = time.time()
    order()
    # The users write what they saw about once a second.
    time.sleep(2)
    last = record.traffic_steps(settings, story.SERVICE)[-1]
    back = last.at >= began and last.split == {stable: 100} == LiveService(settings).split()
    dropped = [failure for failure in record.failures(settings, since=began) if failure.revision is None]
    return TakenBack(way, last.at - began if back else None, bound, len(dropped))
