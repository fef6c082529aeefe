"""Verify the hash chain of a release, in the ledger or in its JSON export.

An entry that was changed, removed or put in between is found. That the last ones were cut off is not: compare
the hash of the last entry, which is printed, with one noted elsewhere.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from slipway.commands.arguments import add_ledger
from slipway.ledger.chain import RecordedEntry, first_broken
from slipway.ledger.ledger import Ledger


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument(
        "source", help="release id, such as v1-1-0-3f9a1c, or a .json file that the Release page exported"
    )
    add_ledger(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print whether the chain holds; the exit code is 1 when it does not."""
    if arguments.source.endswith(".json"):
        release_id, entries = read_export(Path(arguments.source))
    else:
        ledger = Ledger(arguments.connection)
        release_id = ledger.release(arguments.source).release_id
        entries = ledger.entries(release_id)
    broken = first_broken(release_id, entries)
    if broken is not None:
        print(
            f"release {release_id}: the chain is broken at entry {broken} of {len(entries)}: it, or one"
            " before it, was changed, removed or put in between",
            file=sys.stderr,
        )
        return 1
    last = (
        f"the last is {entries[-1].key}, hash {entries[-1].hash}" if entries else "there is nothing to verify"
    )
    print(f"release {release_id}: the chain of {len(entries)} entries holds; {last}")
    return 0


def read_export(path: Path) -> tuple[str, Sequence[RecordedEntry]]:
    """Read a release's entries from a file that the Release page exported.

    :param path: of the file.
    :return: the release's id and its entries in their order.
    :raises ValueError: when it cannot be read as such an export.
    """
    try:
        export = json.loads(path.read_text())
        entries = [
            RecordedEntry(**{**entry, "at": datetime.fromisoformat(entry["at"])})
            for entry in export["entries"]
        ]
        return str(export["release"]), entries
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f"{path}: cannot be read as a release's export from the Release page: {error}"
        ) from error
