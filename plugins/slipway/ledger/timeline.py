"""What a release did, told from its ledger: what was said of each phase, and where the traffic was."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from slipway.ledger.outcome import reason_against

if TYPE_CHECKING:
    from slipway.ledger.ledger import Entry, Release

_GATE = "gate/"


@dataclass(frozen=True)
class PhaseDecision:
    """A decision on a phase.

    :param lines: what led to it, a line each.
    :param others: what else was looked at, where one thing alone decided.
    :param taken_over: release whose evidence it rests on; None for its own.
    """

    at: datetime
    phase: str
    verdict: str
    lines: Sequence[str]
    others: Sequence[str] = ()
    taken_over: str | None = None


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


def evidence_lines(decision: Mapping[str, Any]) -> list[str]:
    """Return what led to a verdict: every finding of a promotion, the reason of anything else.

    :param decision: payload of a gate.
    """
    findings = decision.get("findings") or []
    if decision["verdict"] == "promote" and findings:
        return [str(finding["reason"]) for finding in findings]
    return [str(decision["reason"])]


def phases(entries: Sequence[Entry]) -> list[PhaseDecision]:
    """Return the decisions on the phases in their order.

    These are the gates', those that kept a phase from starting, and a watch's that no gate has followed yet.

    :param entries: the ledger of the release.
    """
    gated = {entry.payload["phase"] for entry in entries if entry.key.startswith(_GATE)}
    said = []
    for entry in entries:
        if entry.key.startswith(_GATE):
            said.append(_said(entry, str(entry.payload["phase"])))
        elif entry.key.startswith("baked/"):
            phase = entry.key.split("/")[1]
            if phase not in gated:
                said.append(_said(entry, phase))
        else:
            against = reason_against(entry)
            if against is not None:
                verdict = str(entry.payload.get("verdict", "hold"))
                said.append(PhaseDecision(entry.at, str(entry.payload["phase"]), verdict, [against]))
    return said


def _said(entry: Entry, phase: str) -> PhaseDecision:
    decision = entry.payload
    lines = evidence_lines(decision)
    findings = [str(finding["reason"]) for finding in decision.get("findings") or []]
    deciding = "; ".join(lines)
    others = [finding for finding in findings if finding not in lines and finding not in deciding]
    taken_over = decision.get("taken_over")
    return PhaseDecision(
        entry.at,
        phase,
        str(decision["verdict"]),
        lines,
        others,
        None if taken_over is None else str(taken_over["release"]),
    )


def traffic(release: Release, entries: Sequence[Entry]) -> dict[str, list[TrafficStep]]:
    """Return the splits of every production service, from the one that served when the release began.

    :param entries: the ledger of the release.
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
    for entry in entries:
        for at, changes, why in _changes(entry):
            for name, change in changes.items():
                note = change.get("note")
                if change.get("changed", True) or note:
                    add(at, name, change["after"], f"{why}; {note}" if note else why)
    return steps


def _changes(entry: Entry) -> Iterator[tuple[datetime, Mapping[str, Any], str]]:
    payload = entry.payload
    kind, _, rest = entry.key.partition("/")
    if kind == "shifted":
        yield datetime.fromisoformat(payload["at"]), payload["changes"], f"phase {rest.split('/')[0]}"
    elif kind == "baked" and "changes" in (payload.get("brake") or {}):
        brake = payload["brake"]
        yield datetime.fromisoformat(brake["at"]), brake["changes"], "the brake, as soon as the watch saw it"
    elif entry.key in ("rolled_back/traffic", "rolled_back/reconciled"):
        yield entry.at, payload["changes"], "rollback"
