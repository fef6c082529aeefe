"""Draw the evidence of a release: one SVG file per bake, named after the release and the phase.

It is computed from the ledger alone.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from slipway.commands.arguments import add_ledger, add_release
from slipway.ledger.ledger import Ledger
from slipway.release.drawings import drawable, drawing_of


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
    for bake, verdict, evidence in drawable(release, record):
        path = arguments.folder / f"{release.release_id}-{evidence.key.replace('/', '-')}.svg"
        arguments.folder.mkdir(parents=True, exist_ok=True)
        path.write_text(drawing_of(release, bake, verdict, evidence))
        print(path)
        written += 1
    if not written:
        print(f"release {arguments.release}: no bake is on record; nothing to draw", file=sys.stderr)
    return 0 if written else 1
