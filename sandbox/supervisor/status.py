"""The processes of a sandbox, how much memory it takes, and where to find it."""

from __future__ import annotations

import json

import psutil
from rich.console import Console
from rich.table import Table

from sandbox.airflow import components
from sandbox.airflow.environment import ROLES, passwords_file
from sandbox.supervisor import records
from sandbox.supervisor.records import Record
from sandbox.supervisor.settings import HOST, Settings

MEBIBYTE = 2**20
HEALTH_SECONDS = 15.0
# They do their work and end.
_SHORT_LIVED = frozenset({"airflow-migrate", "ledger-migrate", "seed"})


def show(settings: Settings, console: Console) -> int:
    """Print a table of the processes.

    :param settings: where the sandbox lives, and its ports.
    :param console: where to print.
    :return: 0 when everything that was started runs and Airflow calls itself healthy, else 1.
    """
    known = [record for record in records.read(settings) if record.name not in _SHORT_LIVED]
    if not known:
        console.print(f"Nothing runs in {settings.home}.", highlight=False, soft_wrap=True)
        return 1
    with_airflow = any(record.name == "api-server" for record in known)
    health = components.health(settings, HEALTH_SECONDS) if with_airflow else {}
    table = Table("process", "pid", "state", "processes", "memory MiB", box=None)
    good, total = True, 0.0
    for record in known:
        state = _state(record, health)
        good = good and state in {"running", "healthy"}
        count, memory = _size(record)
        total += memory
        table.add_row(
            record.name,
            str(record.pid),
            state,
            str(count),
            f"{memory:.0f}",
        )
    console.print(table)
    console.print(f"Together {total / 1024:.2f} GiB.", highlight=False)
    show_addresses(settings, console, airflow=with_airflow)
    return 0 if good else 1


def show_addresses(settings: Settings, console: Console, *, airflow: bool) -> None:
    """Print the addresses: Airflow and its sign-in, the product's services, the monitoring."""
    lines = []
    if airflow:
        lines += [
            ("Airflow", f"http://{HOST}:{settings.airflow_port}"),
            ("  its releases", f"http://{HOST}:{settings.airflow_port}/plugin/releases"),
            ("  sign in as", f"{', '.join(ROLES)}; passwords in {passwords_file(settings)}"),
            ("simulated users", f"http://{HOST}:{settings.users_port}"),
        ]
    endpoints = settings.run / "endpoints.json"
    if endpoints.exists():
        for environment, urls in json.loads(endpoints.read_text()).items():
            lines.append((f"{environment} site", urls["frontend"]))
    lines.append(("Prometheus", f"{settings.prometheus_url}/graph"))
    lines.append(("logs", str(settings.logs)))
    for name, value in lines:
        console.print(f"{name:16} {value}", markup=False, highlight=False, soft_wrap=True)


def _state(record: Record, health: dict[str, str]) -> str:
    if record.process() is None:
        return "ended"
    component = components.HEALTHY_AS.get(record.name)
    return health.get(component, "no answer") if component else "running"


def _size(record: Record) -> tuple[int, float]:
    """Return how many processes a record stands for, and their memory in MiB, shared pages counted once."""
    process = record.process()
    if process is None:
        return 0, 0.0
    try:
        tree = [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return 0, 0.0
    return len(tree), sum(_memory(member) for member in tree)


def _memory(process: psutil.Process) -> float:
    try:
        return float(process.memory_full_info().pss) / MEBIBYTE
    except psutil.Error:
        return 0.0
