"""The table of what failed, and how the releases and rollups ended that met it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from rich.table import Table

KINDS = {
    "good": "good release",
    "bad": "bad release",
    "rollback": "rollback ordered",
    "rollup": "KPI rollup",
}
LOST = "lost or unrecorded"
MET: list[Met] = []


@dataclass(frozen=True)
class Met:
    """A release or a rollup that met a fault.

    :param number: of the fault.
    """

    number: int
    fault: str
    kind: str
    ended: str


def add(number: int, fault: str, kind: str, ended: str) -> None:
    """Add one, once its end has been checked."""
    MET.append(Met(number, fault, kind, ended))


def drawn() -> Table:
    """Draw the table."""
    faults = len({met.number for met in MET})
    lost = sum(met.ended == LOST for met in MET)
    table = Table(
        "fault",
        "happened",
        *KINDS.values(),
        title=f"{faults} faults, met by {len(MET)} releases and rollups: {lost} lost or unrecorded",
    )
    for fault in dict.fromkeys(met.fault for met in MET):
        of_fault = [met for met in MET if met.fault == fault]
        cells = [
            ", ".join(
                f"{count} {ended}"
                for ended, count in Counter(met.ended for met in of_fault if met.kind == kind).most_common()
            )
            for kind in KINDS
        ]
        table.add_row(fault, str(len({met.number for met in of_fault})), *cells)
    return table
