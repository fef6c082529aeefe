"""What the demonstration prints at its end."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from sandbox.airflow.environment import USER
from sandbox.demo.checks import Check
from sandbox.demo.kpi import KpiRow, TargetRow
from sandbox.demo.story import ReleaseReport
from sandbox.supervisor import credentials
from sandbox.supervisor.settings import HOST, Settings


def print_release(console: Console, report: ReleaseReport) -> None:
    """Print one release: its verdicts with their evidence, and the traffic over time."""
    console.print()
    console.rule(f"release {report.version}: {(report.outcome or 'open').replace('_', ' ')}", align="left")
    verdicts = Table("phase", "verdict", "evidence", box=None, pad_edge=False)
    for gate in report.gates:
        verdicts.add_row(gate.phase, str(gate.verdict), "\n".join(gate.evidence))
    console.print(verdicts)
    traffic = Table("after", "traffic of the backend", box=None, pad_edge=False)
    for step in report.steps:
        split = ", ".join(f"{revision} {percent} %" for revision, percent in step.split.items())
        traffic.add_row(f"{step.at - report.began:.0f} s", split)
    console.print(traffic)
    dropped = sum(failure.revision is None for failure in report.failures)
    console.print(
        f"{report.requests} requests in {report.seconds:.0f} s: {dropped} dropped, "
        f"{len(report.failures) - dropped} answered badly",
        highlight=False,
    )


def print_kpis(console: Console, rows: Sequence[KpiRow]) -> None:
    """Print the KPIs of the day."""
    console.print()
    console.rule("business KPIs of today, in ClickHouse", align="left")
    table = Table("KPI", "value", "unit", box=None, pad_edge=False)
    for row in rows:
        if not row.dimension:
            table.add_row(row.kpi, row.value, row.unit)
    console.print(table)
    dimensions = sorted({row.dimension for row in rows if row.dimension})
    console.print(f"the same for {', '.join(dimensions)}", highlight=False, style="dim")


def print_targets(console: Console, rows: Sequence[TargetRow]) -> None:
    """Print what was said about the business targets."""
    console.print()
    console.rule("the business targets, as of today", align="left")
    table = Table("target", "status", "value", "due", "why", box=None, pad_edge=False)
    for row in rows:
        table.add_row(row.title, row.status, row.value, row.due.isoformat(), row.reason)
    console.print(table)


def print_checks(console: Console, checks: Sequence[Check]) -> bool:
    """Print every check and return whether all hold."""
    console.print()
    console.rule("what must hold", align="left")
    for check in checks:
        mark = "[green]✓[/green]" if check.holds else "[red]✗[/red]"
        console.print(f"{mark} {check.text}", highlight=False)
    return all(check.holds for check in checks)


def print_address(console: Console, settings: Settings) -> None:
    """Print where the Airflow UI and its list of releases are, and how to sign in."""
    address = f"http://{HOST}:{settings.airflow_port}"
    console.print()
    console.print(
        f"Airflow: {address}  user {USER}  password {credentials.load(settings).airflow_password}\n"
        f"Releases: {address}/plugin/releases",
        highlight=False,
        soft_wrap=True,
    )
