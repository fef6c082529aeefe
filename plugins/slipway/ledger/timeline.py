"""What a release did, read from its ledger: its decisions, its traffic, how it stands and how it ended."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from slipway.analysis.verdict import Verdict
from slipway.ledger.chain import Record, RecordedEntry
from slipway.ledger.entries import (
    ApprovalDecided,
    DeploymentChecked,
    DetectionPowerForecast,
    DriftFound,
    FlagsRolledBack,
    GateDecided,
    LedgerEntry,
    PhaseBaked,
    ReleaseLost,
    RevisionWarmedUp,
    RollbackOrdered,
    RunChangedByHand,
    SplitChange,
    TaskFailed,
    TrafficRestoration,
    TrafficShifted,
    TrafficVerified,
)

if TYPE_CHECKING:
    from slipway.ledger.ledger import Release


@dataclass(frozen=True)
class PhaseDecision:
    """A decision on a phase.

    :param lines: what led to it, a line each.
    :param others: what else was checked, where one thing alone decided.
    :param inherited_from: release whose evidence it rests on; None for its own.
    """

    at: datetime
    phase: str
    verdict: str
    lines: list[str]
    others: tuple[str, ...] = ()
    inherited_from: str | None = None


@dataclass(frozen=True)
class TrafficStep:
    """A split of a production service that was put in force.

    :param split: percent per revision; those without traffic are left out.
    :param new_percent: share of the release's own revision.
    :param why: what set it, and what was out of the ordinary.
    """

    at: datetime
    service: str
    split: Mapping[str, int]
    new_percent: int
    why: str


def outcome_of(release: Release) -> str:
    """Return the outcome in words: ``promoted``, ``rolled back`` or ``open``.

    :param release: the release.
    """
    return (release.outcome or "open").replace("_", " ")


def summary_line(release: Release, record: Record) -> str:
    """Say in one line how a release ended, and why.

    :param release: the release.
    :param record: everything on record of it.
    """
    return f"{_name(release)}: {outcome_of(release)}: {ending(release, record)}"


def ending(release: Release, record: Record) -> str:
    """Say why a release ended as it did, or is being rolled back, and what came with it.

    :param release: the release.
    :param record: everything on record of it.
    """
    words = release.reason or rollback_reason(record)
    flags = record.get(FlagsRolledBack, environment="production")
    if flags is not None and flags.switched_off:
        words += f"; flags {flags.switched_off_words}"
    checked = record.get(DeploymentChecked)
    if release.outcome == "promoted" and checked is not None and checked.missed:
        words += f"; missed: {'; '.join(checked.missed)}"
    return words


def rollback_reason(record: Record) -> str:
    """Say in one line why a release is rolled back: a person's order, or the last decision against it.

    :param record: everything on record of the release.
    """
    for order in record.of_kind(RollbackOrdered):
        return f"ordered by {order.actor}: {order.reason}"
    for entry in reversed(record):
        against = reason_against(entry.content)
        if against is not None:
            phase, reason = against
            return f"{phase}: {reason}"
    by_hand = record.get(RunChangedByHand)
    if by_hand is not None:
        return by_hand.sentence
    for failed in record.of_kind(TaskFailed):
        return failed.sentence
    last = record[-1].key if record else "nothing"
    return f"a task failed or was stopped; the last thing on record is {last}"


def reason_against(entry: LedgerEntry) -> tuple[str, str] | None:
    """Return the phase and why a decision on it was not to promote; None for any other entry.

    :param entry: the entry.
    """
    if isinstance(entry, RollbackOrdered):
        return "rollback", f"ordered by {entry.actor}: {entry.reason}"
    if isinstance(entry, DetectionPowerForecast) and entry.action == "hold":
        return entry.phase, f"not started, it cannot see the trigger: {entry.reason}"
    if isinstance(entry, ApprovalDecided) and entry.place == "canary" and not entry.approved:
        return "canary", f"not approved: {entry.reason}"
    if isinstance(entry, ReleaseLost):
        return "watchdog", entry.reason
    if isinstance(entry, GateDecided | RevisionWarmedUp | TrafficVerified | DriftFound):
        return None if entry.verdict is Verdict.PROMOTE else (entry.phase, entry.reason)
    return None


def is_rollback_started(record: Record) -> bool:
    """Whether a release goes no further: a gate or a check before it said so, or its rollback has begun.

    :param record: everything on record of the release.
    """
    return is_being_undone(record) or any(reason_against(entry.content) is not None for entry in record)


def is_being_undone(record: Record) -> bool:
    """Whether a release is being rolled back: a bake or a person said so, or its traffic was restored.

    :param record: everything on record of the release.
    """
    return any(_undoes(entry.content) for entry in record)


def phases(record: Record) -> list[PhaseDecision]:
    """Return the decisions on the phases in their order.

    These are the gates', those that kept a phase from starting, and a bake's that no gate has followed yet.

    :param record: everything on record of the release.
    """
    gated = {gate.phase for gate in record.of_kind(GateDecided)}
    return [decision for entry in record if (decision := _decision(entry, gated)) is not None]


def traffic(release: Release, record: Record) -> dict[str, list[TrafficStep]]:
    """Return the splits of every production service, from the one that served when the release began.

    :param release: the release.
    :param record: everything on record of it.
    """
    own = {s.names["production"]: s.revisions["production"] for s in release.plan.services.values()}
    steps: dict[str, list[TrafficStep]] = {name: [] for name in release.stable}

    def add(at: datetime, name: str, split: Mapping[str, int], why: str) -> None:
        serving = {revision: percent for revision, percent in split.items() if percent}
        steps.setdefault(name, []).append(
            TrafficStep(at, name, serving, serving.get(own.get(name, ""), 0), why)
        )

    for name, split in release.stable.items():
        add(release.opened_at, name, split, "when the release began")
    for entry in record:
        for at, changes, why in _changes(entry):
            for name, change in changes.items():
                if change.changed or change.note:
                    add(at, name, change.after, f"{why}; {change.note}" if change.note else why)
    return steps


def _name(release: Release) -> str:
    several = len(release.policy.regions) > 1
    return f"release {release.version}{f' in {release.policy.region}' if several else ''}"


def _undoes(entry: LedgerEntry) -> bool:
    if isinstance(entry, PhaseBaked):
        return entry.verdict is Verdict.ROLLBACK
    return isinstance(entry, RollbackOrdered | TrafficRestoration | FlagsRolledBack)


def _decision(entry: RecordedEntry, gated: set[str]) -> PhaseDecision | None:
    content = entry.content
    if isinstance(content, GateDecided) or (isinstance(content, PhaseBaked) and content.phase not in gated):
        return _judged(entry.at, content)
    against = reason_against(content)
    if against is None:
        return None
    phase, reason = against
    verdict = Verdict.ROLLBACK if isinstance(content, RollbackOrdered) else Verdict.HOLD
    return PhaseDecision(entry.at, phase, str(getattr(content, "verdict", verdict)), [reason])


def _judged(at: datetime, content: GateDecided | PhaseBaked) -> PhaseDecision:
    lines = content.evidence
    deciding = "; ".join(lines)
    reasons = (finding.reason for finding in content.findings)
    others = tuple(reason for reason in reasons if reason not in lines and reason not in deciding)
    inherited = content.inherited_from if isinstance(content, GateDecided) else None
    return PhaseDecision(
        at,
        content.phase,
        str(content.verdict),
        lines,
        others,
        None if inherited is None else inherited.release,
    )


def _changes(entry: RecordedEntry) -> Iterator[tuple[datetime, Mapping[str, SplitChange], str]]:
    content = entry.content
    if isinstance(content, TrafficShifted):
        yield content.at, content.changes, f"phase {content.phase}"
    elif isinstance(content, PhaseBaked) and content.brake is not None and content.brake.at is not None:
        yield content.brake.at, content.brake.changes, "the emergency brake, as soon as the bake saw it"
    elif isinstance(content, TrafficRestoration):
        yield entry.at, content.changes, "rollback"
