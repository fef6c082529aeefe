"""Draw the evidence of a release: one SVG file per bake, named after the release and the phase.

It is computed from the ledger alone.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from slipway.commands.arguments import add_ledger, add_release
from slipway.ledger.bakes import recorded_bakes
from slipway.ledger.entries import EvidenceRecorded
from slipway.ledger.ledger import Ledger
from slipway.ui.evidence_plot import draw


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    add_release(parser)
    parser.add_argument("--folder", type=Path, default=Path(), help="where the files go (default: here)")
    add_ledger(parser)


def run(arguments: argparse.Namespace) -> int:
    """Write the files and print their names; the exit code is 1 when there is nothing to draw."""
    ledger, written = Ledger(arguments.connection), 0
    release = ledger.release(arguments.release)
    record = ledger.entries(release.release_id)
    recorded = (found for phase in release.policy.phases for found in recorded_bakes(record, phase))
    for bake, decision in recorded:
        evidence = record.get(EvidenceRecorded, phase=bake.phase, round=bake.number)
        if evidence is None:
            continue
        title = f"Release {release.version}, phase {bake.title}"
        path = arguments.folder / f"{release.release_id}-{evidence.key.replace('/', '-')}.svg"
        arguments.folder.mkdir(parents=True, exist_ok=True)
        path.write_text(draw(title, evidence.record(), release.policy, decision))
        print(path)
        written += 1
    if not written:
        print(f"release {arguments.release}: no bake is on record; nothing to draw", file=sys.stderr)
    return 0 if written else 1
