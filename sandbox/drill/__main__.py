"""``python -m sandbox.drill``: act on releases, take them back, and print how each ended."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from sandbox.__main__ import main as sandbox
from sandbox.demo import story
from sandbox.demo.airflow_client import AirflowClient
from sandbox.drill.carrying_out import Carried, Drill
from sandbox.drill.matrix import NO_PLACES, cells, sample
from sandbox.drill.promoted import TakenBack, take_back
from sandbox.supervisor.settings import Settings

CELLS, APPROVER = 8, "approver"
#: A worker that is gone is missed after this; Airflow's default is 300 s, which only makes the drill longer.
MISSED_AFTER = {"AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "60"}


def main(arguments: Sequence[str] | None = None) -> int:
    """Carry out a sample of the matrix, take a promoted release back, and print the tables.

    :param arguments: words of the command line; None for the process's own.
    :return: exit code: 0 when in every cell every place said the same, and the way back was fast enough.
    """
    parser = argparse.ArgumentParser(prog="python -m sandbox.drill", description=__doc__)
    parser.add_argument("--cells", type=int, default=CELLS, help=f"how many cells (default: {CELLS})")
    parser.add_argument("--all", action="store_true", help="every cell that makes sense")
    parser.add_argument("--seed", type=int, default=1, help="the same one draws the same cells (default: 1)")
    parser.add_argument(
        "--only", action="append", help="only cells with this in their name, as 'canary bake'; more than once"
    )
    parser.add_argument("--cells-only", action="store_true", help="take no promoted release back afterwards")
    parser.add_argument("--list", action="store_true", help="print the whole matrix, and do nothing")
    parsed = parser.parse_args(arguments)
    console, settings = Console(width=170), Settings.from_environment()
    drawn = sample(None if parsed.all else parsed.cells, parsed.seed, only=parsed.only or ("",))
    if parsed.list:
        console.print(_matrix())
        return 0
    os.environ.update(MISSED_AFTER)
    code = sandbox(["up"])
    if code:
        return code
    with AirflowClient(settings) as airflow, AirflowClient(settings, APPROVER) as approver:
        airflow.wait_for_dags((*story.DAGS, "release_watchdog", "rollback"), bound=180)
        drill = Drill(settings, airflow, approver)
        carried = []
        for number, cell in enumerate(drawn, start=1):
            carried.append(drill.carry_out(cell))
            console.print(f"{number}/{len(drawn)} {_line(carried[-1])}", markup=False, soft_wrap=True)
        console.print(_carried(carried, seed=parsed.seed))
        taken_back: Sequence[TakenBack] = ()
        if not parsed.cells_only:
            drill.clean()
            taken_back = take_back(settings, airflow, console)
            console.print(_taken_back(taken_back))
    held = all(not each.faults for each in carried)
    return 0 if held and all(each.holds for each in taken_back) else 1


def _line(carried: Carried) -> str:
    faults = "; ".join(carried.faults)
    return f"{carried.cell}: {faults or 'all agree'} ({carried.seconds:.0f} s)"


def _carried(carried: Sequence[Carried], *, seed: int) -> Table:
    table = Table(
        "place",
        "act",
        "traffic back",
        "agreed after",
        "ledger",
        "run",
        "page",
        "reason, or fault",
        "",
        "took",
    )
    table.title = f"{len(carried)} cells, seed {seed}"
    for each in carried:
        found = each.found
        table.add_row(
            str(each.cell.place),
            each.cell.act.title,
            _seconds(each.to_safety),
            _seconds(each.to_agreement),
            str(found.outcome) if found else "",
            found.run if found else "",
            found.page if found else "",
            "; ".join(each.faults) or (found.reason if found else ""),
            "✗" if each.faults else "✓",
            f"{each.seconds:.0f} s",
        )
    return table


def _matrix() -> Table:
    table = Table("place", "act", "may end", "or why it makes no sense")
    for cell in cells():
        ends = "" if cell.senseless else " or ".join(sorted(cell.outcomes))
        table.add_row(str(cell.place), cell.act.title, ends, cell.senseless or "")
    for place, why in NO_PLACES.items():
        table.add_row(place, "every act", "", why)
    return table


def _taken_back(taken_back: Sequence[TakenBack]) -> Table:
    table = Table("after promotion", "stable at 100 %", "at most", "requests dropped", "")
    for each in taken_back:
        table.add_row(
            each.way,
            _seconds(each.seconds, otherwise="never"),
            f"{each.bound:g} s",
            str(each.dropped),
            "✓" if each.holds else "✗",
        )
    return table


def _seconds(seconds: float | None, *, otherwise: str = "") -> str:
    return otherwise if seconds is None else f"{seconds:.1f} s"


if __name__ == "__main__":
    sys.exit(main())
