"""Roll back a release's traffic without Airflow: every service returns to what served when the release began.

It needs Google credentials, and the ledger or the file that the release wrote at its start (--record).
See docs/break-glass.md.
"""

from __future__ import annotations

import argparse
import getpass
import os
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from slipway.commands.arguments import add_ledger, add_release
from slipway.exceptions import ReleaseUnknown, RequestRefused
from slipway.ledger.entries import RollbackOrdered, SplitChange
from slipway.ledger.ledger import Ledger, Release
from slipway.release.rollback.record import read_record, record_path, rollback_commands
from slipway.release.rollback.request import (
    is_done,
    requested_reason,
    requested_release,
    require_in_window,
    require_not_superseded,
)
from slipway.release.rollback.traffic import restore_each, restored_entry, rollback_steps

if TYPE_CHECKING:
    from slipway.hooks.cloud_run.hook import CloudRunTrafficHook
    from slipway.release.rollback.schema_guard import Entries
    from slipway.release.rollback.traffic import RollbackStep

CONNECT_SECONDS = 5


@dataclass(frozen=True)
class Source:
    """Where a release is read from.

    :param release: the release.
    :param entries: its ledger, or its rollback record.
    :param ledger: the ledger; None when it cannot be reached.
    :param away: why the ledger cannot be reached.
    """

    release: Release
    entries: Entries
    ledger: Ledger | None
    away: str = ""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    add_release(parser)
    parser.add_argument(
        "--record", type=Path, help="the release's rollback record, a .rollback.json file: needs no ledger"
    )
    parser.add_argument("--reason", default="ordered on the command line", help="kept on record")
    parser.add_argument("--plan-only", action="store_true", help="show what would be done, and do nothing")
    parser.add_argument(
        "--gcp-connection",
        default="google_cloud_default",
        help="Airflow connection of Google Cloud (default: %(default)s)",
    )
    add_ledger(parser)


def run(arguments: argparse.Namespace) -> int:
    """Restore the traffic and print each service; the exit code is 1 while the release still serves."""
    from slipway.hooks.cloud_run.hook import CloudRunTrafficHook

    began = time.monotonic()
    reason = requested_reason(arguments.reason)
    source = _source(arguments)
    release = source.release
    print(f"release {release.release_id} (version {release.version}), reason: {reason}")
    if source.away:
        print(f"The ledger cannot be reached ({source.away}): nothing will be on record.", file=sys.stderr)
    require_in_window(release)
    hook = CloudRunTrafficHook(gcp_conn_id=arguments.gcp_connection)
    steps = rollback_steps(release, hook)
    require_not_superseded(release, steps)
    if arguments.plan_only:
        return _plan(release, steps)
    nothing = not any(step.moves for step in steps.values())
    if is_done(release, steps) or (nothing and source.ledger is None):
        _print_each({name: step.planned for name, step in steps.items()})
        print("Nothing to do: the traffic is where it was when the release began.")
        return 0
    changes = _restore(source, steps, hook, reason)
    print(f"Traffic restored in {time.monotonic() - began:.1f} s.")
    _close(source, changes)
    serving = [name for name, step in steps.items() if step.own in changes[name].after]
    if serving:
        print(f"Still served by the release: {', '.join(serving)}", file=sys.stderr)
    return 1 if serving else 0


def _source(arguments: argparse.Namespace) -> Source:
    """Read the release from the ledger, or from its record where the ledger is away."""
    os.environ.setdefault("PGCONNECT_TIMEOUT", str(CONNECT_SECONDS))
    record = None if arguments.record is None else read_record(arguments.record, arguments.release)
    try:
        ledger = Ledger(arguments.connection)
        if record is None:
            return Source(requested_release(arguments.release, ledger), ledger, ledger)
        release = ledger.release(record.plan.release_id)
        return Source(release, ledger, ledger)
    except RequestRefused:
        raise
    except Exception as error:  # whatever keeps the ledger away must not keep the traffic where it is
        away = "it knows no such release" if isinstance(error, ReleaseUnknown) else _one_line(error)
        if record is None:
            path = record_path(arguments.release)
            raise RequestRefused(
                f"release={arguments.release!r}: the ledger of connection {arguments.connection} cannot be"
                f" reached ({away}); add --record with the file that the release wrote, such as {path}"
            ) from error
        return Source(record.release, record, None, away)


def _plan(release: Release, steps: Mapping[str, RollbackStep]) -> int:
    _print_each({name: step.planned for name, step in steps.items()})
    print("Plan only: nothing was changed. By hand:")
    print("\n".join(rollback_commands(release.policy, release.stable)) or "nothing served before")
    return 0


def _restore(
    source: Source, steps: Mapping[str, RollbackStep], hook: CloudRunTrafficHook, reason: str
) -> dict[str, SplitChange]:
    release, ledger = source.release, source.ledger
    if ledger is not None:
        order = RollbackOrdered(tier="traffic", actor=getpass.getuser(), reason=reason, source="command line")
        ledger.append(release.release_id, order)
    changes, began = {}, time.monotonic()
    for name, change in restore_each(release, steps, hook, source.entries):
        changes[name] = change
        _print(name, change, f"{time.monotonic() - began:.1f} s")
        began = time.monotonic()
    return changes


def _close(source: Source, changes: Mapping[str, SplitChange]) -> None:
    """Put on record what was done; the traffic is back already, so a failure is printed and ends nothing."""
    if source.ledger is None:
        print("Not on record: run this command again, without --record, when the ledger is back.")
        return
    try:
        entry = restored_entry(source.release.release_id, source.ledger, changes)
        source.ledger.append(source.release.release_id, entry)
        source.ledger.close(source.release.release_id, outcome="rolled_back", reason=entry.reason)
    except Exception as error:  # noqa: BLE001  whatever it is, what was done must be printed to the end
        print(f"The ledger was not written ({_one_line(error)}): run this command again.", file=sys.stderr)
        return
    print(
        "On record as rolled back. Feature flags, tags and locks are left: when Airflow runs, start its DAG"
        " rollback for this release."
    )


def _print_each(changes: Mapping[str, SplitChange]) -> None:
    for name, change in changes.items():
        _print(name, change, "")


def _print(name: str, change: SplitChange, seconds: str) -> None:
    print(f"{name}: {change.described(name)}{f', {seconds}' if seconds else ''}")


def _one_line(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())}"
