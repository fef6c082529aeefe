"""Verify the record of a release, or of all: entries, rows and anchors.

What was changed, removed, moved, cut off at the end or added is found, and named. The anchors are read from
the folder or bucket that SLIPWAY_ANCHORS names; without them, what was cut off at the end is not found. A
.json file that the Release page exported is verified without the database's row of its release.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from slipway.commands.arguments import add_ledger
from slipway.exceptions import ServiceNotFound
from slipway.ledger.anchors import Head
from slipway.ledger.chain import RecordedEntry
from slipway.ledger.ledger import Ledger
from slipway.ledger.verification import Verification
from slipway.policy.release import Policy, load_policy
from slipway.release.address import service_address


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument(
        "source",
        nargs="?",
        help="release id, such as v1-1-0-3f9a1c, or a .json file that the Release page exported",
    )
    what.add_argument(
        "--all", action="store_true", help="every release on record, and every one with an anchor"
    )
    parser.add_argument(
        "--services",
        metavar="POLICY",
        help="also compare with the labels on the production services of this file of include/policy",
    )
    add_ledger(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print a line per release; the exit code is 1 when one is not as it was written."""
    wrong = 0
    for found in _verified(Ledger(arguments.connection), arguments):
        wrong += not found.holds
        end = f"; the last hash is {found.head}" if found.holds and found.head else ""
        print(
            f"release {found.release_id}: {found.sentence}{end}",
            file=sys.stdout if found.holds else sys.stderr,
        )
    if arguments.all:
        print(
            f"{wrong} releases are not as they were written"
            if wrong
            else "every release is as it was written"
        )
    return 1 if wrong else 0


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


def read_labels(policy: Policy) -> Sequence[Head]:
    """Return the ends of chains that the labels of a policy's production services have.

    :param policy: the policy.
    :raises CloudRunError: when a service cannot be read.
    """
    from slipway.hooks.cloud_run.hook import CloudRunTrafficHook, labelled_head

    found, hook = [], CloudRunTrafficHook()
    for region in policy.regions:
        for service in policy.services.values():
            address = service_address(policy.in_region(region), service.names["production"])
            with suppress(ServiceNotFound):
                label = labelled_head(hook.get_service(address))
                if label is not None:
                    found.append(Head.of_label(*label))
    hook.close()
    return found


def _verified(ledger: Ledger, arguments: argparse.Namespace) -> Iterable[Verification]:
    labels = read_labels(load_policy(arguments.services)) if arguments.services else ()
    if arguments.all:
        return ledger.verification.every(labels)
    if arguments.source.endswith(".json"):
        return [ledger.verification.export(*read_export(Path(arguments.source)))]
    own = [label for label in labels if label.release_id == arguments.source]
    found = ledger.verification.of(arguments.source, own)
    if not found.entries and not found.anchored:
        ledger.release(arguments.source)
    return [found]
