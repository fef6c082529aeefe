"""Replay the verdicts of a release from its record, or of all releases under another policy.

The entry evidence/<phase> of the ledger holds every check of the phase, baked/<phase> the verdict. With --all
the bakes of every release on record are decided by the policy and the present analysis: which verdicts would
change, when, and why.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from slipway.analysis.method import CURRENT, method_of
from slipway.analysis.replay import replay
from slipway.commands.arguments import add_ledger
from slipway.ledger.bakes import recorded_bakes
from slipway.ledger.chain import Record
from slipway.ledger.entries import EvidenceRecorded
from slipway.ledger.ledger import Ledger
from slipway.ledger.listing import ReleaseFilter
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


@dataclass(frozen=True)
class Compared:
    """What another policy makes of a bake on record.

    :param change: ``verdict``; ``moment``, for the same verdict at another check; ``none``; or ``unknown``:
        the record ends before the policy decides, or has no evidence.
    :param was: the verdict on record, and ``was_seconds`` its moment.
    :param verdict: the policy's; None where there is no evidence to replay.
    :param seconds: its moment, since the first check.
    :param reason: of the policy's verdict.
    :param missing: metrics of the policy that the record does not have; they are no evidence.
    """

    release: str
    version: str
    phase: str
    change: str
    was: str
    was_seconds: float
    verdict: str | None = None
    seconds: float | None = None
    reason: str = "no evidence on record"
    missing: Sequence[str] = ()


def compare(releases: Iterable[tuple[str, str, Record]], policy: Policy) -> Iterator[Compared]:
    """Decide every bake on record by a policy.

    :param releases: id, version and record of each release.
    :param policy: the policy.
    """
    for release, version, entries in releases:
        for phase in policy.phases:
            for bake, baked in recorded_bakes(entries, phase):
                told = (release, version, bake.title)
                was, moment = str(baked.verdict), baked.seconds or 0.0
                evidence = entries.get(EvidenceRecorded, phase=bake.phase, round=bake.number)
                if evidence is None or not evidence.looks:
                    yield Compared(*told, "unknown", was, moment)
                    continue
                made = replay(evidence.record(), policy, method=CURRENT)
                decided = str(made.decision.verdict), made.decision.seconds
                if not made.is_complete:
                    change = "unknown"
                elif decided[0] != was:
                    change = "verdict"
                else:
                    change = "none" if abs(decided[1] - moment) < 1 else "moment"
                yield Compared(*told, change, was, moment, *decided, made.decision.reason, made.missing)


def table(compared: Sequence[Compared], policy: str) -> Iterator[str]:
    """Yield the bakes that the policy decides otherwise, and the sums.

    :param compared: every bake.
    :param policy: the policy's file.
    """
    changed = [one for one in compared if one.change in ("verdict", "moment")]
    for one in changed:
        now = f"{one.verdict} at {one.seconds or 0:,.0f} s"
        was = f"{one.was} at {one.was_seconds:,.0f} s"
        yield f"{one.release:<24}{one.phase:<8} was {was}, now {now}: {one.reason}"
    verdicts = sum(one.change == "verdict" for one in changed)
    unknown = sum(one.change == "unknown" for one in compared)
    missing = sorted({key for one in compared for key in one.missing})
    yield (
        f"{len(compared)} bakes on record by {policy}: {verdicts} verdicts change, "
        f"{len(changed) - verdicts} come at another moment, {unknown} stay open, because their record ends"
    )
    if missing:
        yield f"not on record in every bake, hence no evidence: {', '.join(missing)}"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument("release", nargs="?", help="release id, such as v1-1-0-3f9a1c")
    parser.add_argument("--all", action="store_true", help="every release on record, by --policy")
    parser.add_argument("--policy", help="a policy file of include/policy to compare with")
    parser.add_argument("--json", action="store_true", help="with --all: print JSON")
    add_ledger(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print one line per phase; the exit code is 1 when a verdict is not the same.

    With ``--all`` the exit code is 0: another policy may decide otherwise.

    :param arguments: of the command line.
    :return: the exit code.
    :raises ValueError: for neither a release nor ``--all``, or for ``--all`` without a policy.
    """
    ledger = Ledger(arguments.connection)
    if arguments.all:
        if not arguments.policy or arguments.release:
            raise ValueError("replay --all: needs --policy, and no release")
        compared = list(_compared(ledger, load_policy(arguments.policy)))
        lines: Iterable[Any] = table(compared, arguments.policy)
        if arguments.json:
            lines = [json.dumps([asdict(one) for one in compared], indent=2)]
        for line in lines:
            print(line)
        return 0
    if not arguments.release:
        raise ValueError("replay: needs a release, or --all")
    own = ledger.release(arguments.release).policy
    other = load_policy(arguments.policy) if arguments.policy else None
    found = list(report(ledger.entries(arguments.release), own, other))
    for _, line in found:
        print(line)
    if not found:
        print(f"release {arguments.release}: no bake is on record; nothing to replay")
    return 0 if found and all(is_well for is_well, _ in found) else 1


def _compared(ledger: Ledger, policy: Policy) -> Iterator[Compared]:
    """Decide every release of the policy's product by the policy."""
    found, _ = ledger.listing.find(ReleaseFilter(), limit=None)
    released = (ledger.release(one.release_id) for one in found if one.outcome != "refused")
    mine = (release for release in released if release.policy.name == policy.name)
    return compare(((one.release_id, one.version, ledger.entries(one.release_id)) for one in mine), policy)
