"""Export the releases of a period as an auditor's sample: what, who asked, who approved, tests, outcome.

One row a release, the oldest first, as CSV or as JSON lines, on standard output. The column absent names what
the record does not have, and the column record says whether it is as it was written.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
from dataclasses import fields
from datetime import UTC, date, datetime, timedelta
from typing import Any

from slipway.commands.arguments import add_ledger
from slipway.ledger.audit_sample import SampledChange, sampled
from slipway.ledger.ledger import Ledger

#: A spreadsheet takes a cell that begins so for a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument(
        "--from", dest="first", type=date.fromisoformat, required=True, help="first day, in UTC"
    )
    parser.add_argument("--to", dest="last", type=date.fromisoformat, required=True, help="last day, in UTC")
    parser.add_argument("--format", choices=("csv", "jsonl"), default="csv", help="(default: %(default)s)")
    add_ledger(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print the sample; the exit code is 1 when a record is not as it was written."""
    if arguments.last < arguments.first:
        raise ValueError(f"--to {arguments.last}: is before --from {arguments.first}")
    ledger, wrong = Ledger(arguments.connection), 0
    names = [field.name for field in fields(SampledChange)]
    table = csv.DictWriter(sys.stdout, names, lineterminator="\n")
    if arguments.format == "csv":
        table.writeheader()
    since = datetime.combine(arguments.first, datetime.min.time(), UTC)
    until = datetime.combine(arguments.last, datetime.min.time(), UTC) + timedelta(days=1)
    for release_id in ledger.listing.opened_between(since, until):
        verified = ledger.verification.of(release_id)
        wrong += not verified.holds
        row = sampled(ledger.release(release_id), ledger.entries(release_id), verified).as_row()
        if arguments.format == "csv":
            table.writerow({name: _cell(value) for name, value in row.items()})
        else:
            print(json.dumps(row, ensure_ascii=False))
    return 1 if wrong else 0


def _cell(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value
