"""The demonstration itself: what is released, and what is measured of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from rich.console import Console
from slipway.ledger.entries import GateDecided

from sandbox.demo import record
from sandbox.demo.airflow_client import AirflowClient, RunState
from sandbox.demo.customers import note_customers
from sandbox.demo.display import Follower, ProgressThen
from sandbox.demo.kpi import KpiRow, TargetRow, kpi_rows, target_rows
from sandbox.supervisor.settings import Settings

SERVICE = "netra-backend-prod"
GOOD_VERSION = "1.1.0"
BAD_VERSION = "1.2.0"
DAGS = ("release", "kpi_rollup")
RELEASE_BOUND_SECONDS = 900.0
KPI_BOUND_SECONDS = 400.0


@dataclass(frozen=True)
class ReleaseReport:
    """What one release did, measured from outside.

    :param gates: decision per phase, in their order.
    :param steps: traffic over time, as applied at the data plane.
    :param requests: requests and WebSockets that the users opened while it ran.
    :param failures: what of it went wrong.
    :param seconds_to_safety: from the new revision's first bad answer to its last traffic; None without one.
    """

    version: str
    run: RunState
    outcome: str | None
    reason: str | None
    plan: Mapping[str, Any]
    stable: Mapping[str, Mapping[str, int]]
    gates: Sequence[GateDecided]
    began: float
    seconds: float
    steps: Sequence[record.TrafficStep]
    requests: int
    failures: Sequence[record.Failure]
    seconds_to_safety: float | None

    @property
    def revision(self) -> str:
        """The new revision of the backend in production."""
        return str(self.plan["services"]["backend"]["revisions"]["production"])

    @property
    def serving(self) -> Mapping[str, int]:
        """The split of the backend at the end of the release."""
        return self.steps[-1].split if self.steps else {}


def release(
    client: AirflowClient,
    settings: Settings,
    version: str,
    progress: Follower,
    start: Callable[[], str] | None = None,
) -> ReleaseReport:
    """Release a version and report what happened.

    :param client: Airflow's API.
    :param settings: where the sandbox lives, and its ports.
    :param version: the version, such as ``1.4.2``.
    :param progress: what is shown while it runs.
    :param start: requests the release and returns the id of its run; None: Airflow's API is asked for it.
    :raises RunTimeout: when the run does not end within its bound.
    """
    before, began = record.requests_so_far(settings), time.time()
    asked = {"version": version, "reason": "demonstration"}
    run_id = client.start("release", conf=asked) if start is None else start()
    for state in client.follow("release", run_id, bound=RELEASE_BOUND_SECONDS):
        progress.show(state)
    seconds = time.time() - began
    # The users' counts are written about once a second: what they saw until now must be in them.
    time.sleep(2)
    row = record.release_of_run(settings, run_id)
    if row is None:
        raise RuntimeError(f"run {run_id}: opened no release; see its preflight tasks in the Airflow UI")
    revision = row["plan"]["services"]["backend"]["revisions"]["production"]
    return ReleaseReport(
        version=version,
        run=state,
        outcome=row["outcome"],
        reason=row["reason"],
        plan=row["plan"],
        stable=row["stable"],
        gates=record.gates(settings, row["release_id"]),
        began=began,
        seconds=seconds,
        steps=[step for step in record.traffic_steps(settings, SERVICE) if step.at >= began],
        requests=record.requests_so_far(settings) - before,
        failures=record.failures(settings, since=began),
        seconds_to_safety=record.seconds_to_safety(settings, service=SERVICE, revision=revision),
    )


def roll_up_today(client: AirflowClient, settings: Settings) -> str:
    """Write what is noted about the customers, start today's KPI rollup and return its run id."""
    note_customers(settings)
    return client.start("kpi_rollup", partition_key=datetime.now(UTC).date().isoformat())


def then_roll_up(client: AirflowClient, settings: Settings, console: Console) -> ProgressThen:
    """Return the progress of a release that starts today's KPI rollup once its traffic has been rolled back.

    Not sooner: on one machine the rollup takes the processors from what the release is measured on.
    """
    return ProgressThen(
        console,
        settings,
        service=SERVICE,
        after="rollback.roll_back_traffic",
        start=lambda: roll_up_today(client, settings),
    )


def read_kpis(
    client: AirflowClient, settings: Settings, run_id: str
) -> tuple[RunState, list[KpiRow], list[TargetRow]]:
    """Wait for a KPI rollup and return its state, today's KPIs and reviewed targets from ClickHouse."""
    state = client.wait("kpi_rollup", run_id, bound=KPI_BOUND_SECONDS)
    today = datetime.now(UTC).date()
    return state, kpi_rows(settings, today), target_rows(settings, today)
