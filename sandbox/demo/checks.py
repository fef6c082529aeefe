"""What the demonstration must reach, each as a check of what was measured."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

from sandbox.cloud import team_room
from sandbox.demo.airflow_client import RunState
from sandbox.demo.kpi import KpiRow, TargetRow
from sandbox.demo.record import traffic_steps
from sandbox.demo.story import ReleaseReport
from sandbox.supervisor.settings import Settings

SAFETY_SECONDS = 45.0
MEMORY_GIB = 6.0
SERVICES = ("netra-backend-prod", "netra-auth-prod", "netra-frontend-prod")
_ROLLBACK_TASKS = ("rollback.roll_back_traffic", "rollback.roll_back_feature_flags", "rollback.close_release")


@dataclass(frozen=True)
class Check:
    """One thing that must hold, and what was seen."""

    holds: bool
    text: str


def check_good(report: ReleaseReport, settings: Settings) -> Iterator[Check]:
    """Check a release that should have been promoted."""
    yield Check(report.run.state == "success" and report.outcome == "promoted", f"{report.version} promoted")
    for key, service in report.plan["services"].items():
        name, revision = service["names"]["production"], service["revisions"]["production"]
        steps = traffic_steps(settings, name)
        share = steps[-1].split.get(revision, 0) if steps else 0
        yield Check(share == 100, f"{key}: {share} % of the traffic on {revision}")
    yield _team_notified(report, settings)
    migrated = report.run.tasks.get("phase_2_production_preparation.migrate_schema")
    yield Check(migrated == "success", f"schema migration: {migrated}")
    yield _no_loss(report, blamed=None)


def _team_notified(report: ReleaseReport, settings: Settings) -> Check:
    """Every message ends with its release and event: the opening, the checklist's, the outcome, once each."""
    mark = f"({report.plan['release_id']}, "
    texts = [str(message["text"]) for message in team_room.messages(settings)]
    events = [text.rpartition(mark)[2].rstrip(")") for text in texts if mark in text]
    once = len(events) == len(set(events)) and {"opened", "outcome"} < set(events)
    return Check(once, f"the team was notified once each: {', '.join(events) or 'of nothing'}")


def check_bad(report: ReleaseReport) -> Iterator[Check]:
    """Check a release that should have been rolled back from the canary."""
    yield Check(
        report.run.state == "failed" and report.outcome == "rolled_back",
        f"{report.version} rolled back, its run {report.run.state}: {report.reason}",
    )
    (stable,) = report.stable["netra-backend-prod"]
    share = report.serving.get(stable, 0)
    yield Check(share == 100, f"backend: {share} % of the traffic back on {stable}")
    seconds = report.seconds_to_safety
    yield Check(
        seconds is not None and seconds <= SAFETY_SECONDS,
        "from the first bad answer to 0 % traffic: "
        + ("never" if seconds is None else f"{seconds:.1f} s (at most {SAFETY_SECONDS:g} s)"),
    )
    states = {task: report.run.tasks.get(task) for task in _ROLLBACK_TASKS}
    yield Check(
        set(states.values()) == {"success"},
        f"the rollback's own tasks: {', '.join(map(str, states.values()))}",
    )
    yield _no_loss(report, blamed=report.revision)


def check_kpis(run: RunState, rows: Sequence[KpiRow], targets: Sequence[TargetRow]) -> Iterator[Check]:
    """Check the KPI rollup, and that today's targets rest on something."""
    yield Check(
        run.state == "success" and bool(rows), f"KPI rollup {run.state}, {len(rows)} rows in ClickHouse"
    )
    revenue = next((row.value for row in rows if row.kpi == "arr_usd" and not row.dimension), "0")
    yield Check(Decimal(revenue) > 0, f"annual recurring revenue in ClickHouse: {Decimal(revenue):,.2f} USD")
    known = sum(row.value != "none" for row in targets)
    yield Check(known > 0, f"business targets reviewed: {len(targets)}, {known} of them with a value")


def check_machine(*, peak_bytes: int, import_errors: Sequence[str]) -> Iterator[Check]:
    """Check what the whole takes."""
    peak = peak_bytes / 2**30
    yield Check(
        0 < peak < MEMORY_GIB, f"highest memory of all processes {peak:.1f} GiB (under {MEMORY_GIB:g} GiB)"
    )
    yield Check(not import_errors, f"DAG import errors: {len(import_errors)}")


def _no_loss(report: ReleaseReport, *, blamed: str | None) -> Check:
    """Check that nothing went wrong but what a bad revision itself answered.

    :param blamed: the revision that may answer badly; None when none may.
    """
    own = [failure for failure in report.failures if blamed and failure.revision == blamed]
    others = [failure for failure in report.failures if failure not in own]
    dropped = sum(failure.revision is None for failure in others)
    text = f"{report.requests} requests: {dropped} dropped, {len(others) - dropped} failed by shifting"
    if blamed:
        text += f", {len(own)} failed by {blamed} itself"
    if others:
        text += f"; the first: {others[0].error}"
    return Check(report.requests > 0 and not others, text)
