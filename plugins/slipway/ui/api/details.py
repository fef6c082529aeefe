"""What is loaded when it is opened, from the record."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import TYPE_CHECKING

from slipway.ledger.chain import Record, RecordedEntry, canonical
from slipway.ledger.entries import (
    AnswerRefused,
    ApprovalDecided,
    BakeAnswered,
    ChangesPlanned,
    ChecklistItemChecked,
    DeploymentChecked,
    IncidentReported,
    InfrastructureChecked,
    ReleaseOpened,
    TeamNotified,
    TeamNotReached,
)
from slipway.ledger.timeline import phases
from slipway.ledger.verification import Verification
from slipway.policy.checklist import ITEMS, TITLES
from slipway.policy.infrastructure import TITLES as TITLES_OF_PARTS
from slipway.ui.api.links import Links
from slipway.ui.api.models.details import (
    BusinessTarget,
    BusinessValue,
    ChangeGroup,
    Changes,
    Checklist,
    ChecklistLine,
    FieldChange,
    GateAnswer,
    Gates,
    Incident,
    IncidentMoment,
    Infrastructure,
    InfrastructurePart,
    LedgerLine,
    LedgerRecord,
    Notification,
    Notifications,
    PlannedMigration,
)
from slipway.ui.api.steps import EVIDENCE, PHASES

if TYPE_CHECKING:
    from slipway.ui.sources import ReviewedTargets

TIME_OUT, POLICY = "time-out", "policy"
#: Longest payload, in characters of JSON, that is in an answer; a longer one is in the export.
SHOWN_PAYLOAD = 12_000


def changes(record: Record) -> Changes:
    """Return what a release changes.

    :param record: everything on record of it.
    """
    opened, planned = record.get(ReleaseOpened), record.get(ChangesPlanned, environment="production")
    left_out = {} if opened is None else opened.left_out
    before = None if opened is None else opened.rolled_back_before
    notes = [f"This version was rolled back before: {before}"] if before else []
    if planned is None:
        notes.append("The changes are not planned yet: phase 2 does that before production is touched")
    return Changes(
        known=planned is not None,
        note=". ".join(notes),
        template=()
        if planned is None
        else tuple(
            ChangeGroup(
                name=service,
                changes=tuple(FieldChange(name=c.field, before=c.before, after=c.after) for c in found),
            )
            for service, found in planned.revisions.items()
        ),
        configuration=() if planned is None else tuple(_documents(planned)),
        schema_changes=() if planned is None else tuple(_migrations(planned)),
        left_out=tuple(f"{service}: {found.described()}" for service, found in left_out.items()),
    )


def checklist(record: Record) -> Checklist:
    """Return the three checklists, with what is not checked yet.

    :param record: everything on record of the release.
    """
    return Checklist(lines=(*_before(record), *_during_and_after(record)))


def infrastructure(record: Record) -> Infrastructure:
    """Return what production stands on, as it was found before the release.

    :param record: everything on record of it.
    """
    found = record.get(InfrastructureChecked)
    if found is None:
        return Infrastructure(checked=False, parts=())
    return Infrastructure(
        checked=True,
        parts=tuple(
            InfrastructurePart(
                part=TITLES_OF_PARTS[line.part],
                name=line.name,
                state=line.state,
                found=line.found,
                problem=line.problem,
            )
            for line in found.lines
        ),
    )


def gates(record: Record) -> Gates:
    """Return every decision of a release, and every answer of a person, the oldest first.

    :param record: everything on record of it.
    """
    answers = [found for entry in record if (found := _answer(entry)) is not None]
    decided = [
        GateAnswer(
            phase=found.phase,
            title=_title(found.phase),
            verdict=found.verdict,
            reason="; ".join(found.lines),
            decided_at=found.at,
            decided_by=EVIDENCE
            if found.inherited_from is None
            else f"{EVIDENCE} of release {found.inherited_from}",
            lines=found.others,
        )
        for found in phases(record)
    ]
    return Gates(gates=tuple(sorted([*answers, *decided], key=lambda found: found.decided_at)))


def notifications(record: Record) -> Notifications:
    """Return every message to the team about a release, and every one that could not be sent.

    :param record: everything on record of it.
    """
    found = [(entry.at, entry.content) for entry in record]
    return Notifications(
        notifications=tuple(
            Notification(
                at=at,
                event=one.event,
                subject=one.subject,
                via=one.connection,
                delivered=isinstance(one, TeamNotified),
                trouble=one.reason if isinstance(one, TeamNotReached) else "",
            )
            for at, one in found
            if isinstance(one, TeamNotified | TeamNotReached)
        )
    )


def incident(record: Record) -> Incident:
    """Return the incident report of a release.

    :param record: everything on record of it.
    """
    found = record.get(IncidentReported)
    if found is None:
        return Incident(reported=False, summary="", affected="", evidence=(), timeline=())
    return Incident(
        reported=True,
        summary=found.sentence,
        affected=found.met_words,
        evidence=found.evidence,
        timeline=tuple(IncidentMoment(at=step.at, what=step.what) for step in found.timeline),
    )


def business(reviewed: ReviewedTargets) -> BusinessValue:
    """Return the business targets of the newest reviewed day.

    :param reviewed: what ClickHouse has.
    """
    first = reviewed.rows[0] if reviewed.rows else None
    return BusinessValue(
        as_of=None if first is None else first.as_of,
        since_release=None if first is None else first.release_id,
        since_version=None if first is None else first.version,
        promoted_on=None if first is None else first.promoted_on,
        targets=tuple(
            BusinessTarget.model_validate(
                {
                    "horizon": row.horizon_title,
                    "title": row.title,
                    "status": row.status,
                    "unit": row.unit,
                    "value": row.value,
                    "at_least": row.at_least,
                    "at_most": row.at_most,
                    "required": row.required,
                    "expected": row.expected,
                    "due": row.due,
                    "reason": row.reason,
                }
            )
            for row in reviewed.rows
        ),
        trouble=reviewed.trouble or "",
    )


def ledger_page(
    release_id: str, record: Record, verified: Verification, links: Links, *, page: int, per_page: int
) -> LedgerRecord:
    """Return a page of the record, and what the verification of all of it found.

    :param release_id: the release.
    :param record: everything on record of it.
    :param verified: what its verification found.
    :param links: addresses.
    :param page: number of the page, from 1 on.
    :param per_page: entries of a page.
    """
    return LedgerRecord(
        entries=tuple(_line(entry) for entry in record[(page - 1) * per_page : page * per_page]),
        total=len(record),
        first_broken=verified.first_broken,
        verified=verified.sentence[0].upper() + verified.sentence[1:],
        export_url=links.api(f"releases/{release_id}/ledger/export"),
    )


def _documents(planned: ChangesPlanned) -> Iterator[ChangeGroup]:
    for document, found in groupby(planned.configuration, key=lambda change: change.document):
        yield ChangeGroup(
            name=document,
            changes=tuple(
                FieldChange(name=c.key, before=c.before, after=c.after, unit=c.unit) for c in found
            ),
        )


def _migrations(planned: ChangesPlanned) -> Iterator[PlannedMigration]:
    for name in planned.migrations:
        yield PlannedMigration(name=name, note="is due: this release applies it")
    for name, why in planned.held.items():
        yield PlannedMigration(name=name, note=f"is held: {why}")


def _before(record: Record) -> Iterator[ChecklistLine]:
    checked = {
        entry.content.item: (entry.at, entry.content)
        for entry in record
        if isinstance(entry.content, ChecklistItemChecked)
    }
    for item in ITEMS:
        at, found = checked.get(item, (None, None))
        yield ChecklistLine(
            part="pre",
            title=TITLES[item],
            passed=None if found is None else found.passed,
            evidence="not checked yet" if found is None else found.reason,
            checked_at=at,
        )


def _during_and_after(record: Record) -> Iterator[ChecklistLine]:
    for entry in record:
        if isinstance(entry.content, DeploymentChecked):
            for line in entry.content.lines:
                yield ChecklistLine.model_validate(
                    {
                        "part": line.part,
                        "title": line.title,
                        "passed": line.passed,
                        "evidence": line.reason,
                        "checked_at": entry.at,
                    }
                )


def _answer(entry: RecordedEntry) -> GateAnswer | None:
    found, nobody = entry.content, TIME_OUT
    phase: str
    if isinstance(found, ApprovalDecided):
        phase = "preparation" if found.place == "production" else found.place
        title = f"Approval for the {found.place}" if found.place == "canary" else "Approval for production"
        # Without a person the policy approves what it asks nobody about; else it is a no.
        nobody = POLICY if found.approved else TIME_OUT
    elif isinstance(found, AnswerRefused):
        phase, title = found.question, "Answer that did not count"
    elif isinstance(found, BakeAnswered):
        phase, title = found.phase, f"Decision on {_title(found.phase)}"
        # Without a person only the metrics let a phase bake on: they decide it then.
        nobody = EVIDENCE if found.bake_on else TIME_OUT
    else:
        return None
    return GateAnswer(
        phase=phase,
        title=title,
        verdict=None,
        reason=found.reason,
        decided_at=entry.at,
        decided_by=nobody if found.user is None else found.user.name,
        lines=(),
    )


def _title(phase: str) -> str:
    found = {str(name): shown.title for name, shown in PHASES.items()}.get(phase)
    return found or phase.replace("_", " ").capitalize()


def _line(entry: RecordedEntry) -> LedgerLine:
    return LedgerLine(
        sequence=entry.sequence,
        key=entry.key,
        at=entry.at,
        sentence=entry.content.sentence,
        hash=entry.hash,
        payload=dict(entry.payload) if len(canonical(entry.payload)) <= SHOWN_PAYLOAD else None,
    )
