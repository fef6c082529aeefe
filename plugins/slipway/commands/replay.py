"""Replay the verdicts of a release from its record.

The entry evidence/<phase> of the ledger holds every check of the phase, baked/<phase> the verdict.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from slipway.analysis.method import CURRENT, method_of
from slipway.analysis.replay import replay
from slipway.commands.arguments import add_ledger, add_release
from slipway.ledger.bakes import recorded_bakes
from slipway.ledger.chain import Record
from slipway.ledger.entries import EvidenceRecorded
from slipway.ledger.ledger import Ledger
from slipway.policy.release import Policy, load_policy


def report(entries: Record, own: Policy, other: Policy | None) -> Iterator[tuple[bool, str]]:
    """Yield, per watched phase, whether all is well and one line.

    :param entries: everything on record of the release.
    :param own: the policy that the release was opened with.
    :param other: a policy to compare with; None replays the release's own.
    """
    recorded = (found for phase in own.phases for found in recorded_bakes(entries, phase))
    for bake, verdict in recorded:
        phase = bake.title
        evidence = entries.get(EvidenceRecorded, phase=bake.phase, round=bake.number)
        if evidence is None:
            yield False, f"{phase}: verdict {verdict.verdict} on record, but no evidence to replay"
            continue
        record = evidence.record()
        made = replay(record, own) if other is None else replay(record, other, method=CURRENT)
        said = f"{made.decision.verdict} at {made.decision.seconds:.0f} s: {made.decision.reason}"
        unfinished = "" if made.is_complete else " (the record ends before this policy decides)"
        unseen = f" (not on record: {', '.join(made.missing)})" if made.missing else ""
        if other is not None:
            was = f"{verdict.verdict} at {verdict.seconds or 0:.0f} s"
            yield True, f"{phase}: was {was}; with {other.name} {said}{unfinished}{unseen}"
            continue
        differences = made.differences(verdict.model_dump(mode="json"))
        if differences and not made.same_method:
            used = method_of(record.method).number
            differences.append(f"decided by method {record.method}, replayed by method {used}")
        yield (
            not differences,
            f"{phase}: {'DIFFERENT: ' + '; '.join(differences) if differences else 'same'}: {said}",
        )


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    add_release(parser)
    parser.add_argument("--policy", help="a policy file of include/policy to compare with")
    add_ledger(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print one line per phase; the exit code is 1 when a verdict is not the same."""
    ledger = Ledger(arguments.connection)
    own = ledger.release(arguments.release).policy
    other = load_policy(arguments.policy) if arguments.policy else None
    lines = list(report(ledger.entries(arguments.release), own, other))
    for _, line in lines:
        print(line)
    if not lines:
        print(f"release {arguments.release}: no bake is on record; nothing to replay")
    return 0 if lines and all(is_well for is_well, _ in lines) else 1
