"""What is loaded when it is opened: changes, checklist, gates, business value, messages, incident, ledger."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Literal

from slipway.ui.api.models.base import Answer, VerdictName


class FieldChange(Answer):
    """A difference between what serves and what is released; a secret's value is never in it.

    :param name: the field or the setting.
    :param before: None where it is new.
    :param after: None where it is gone.
    :param unit: of both; empty when there is none.
    """

    name: str
    before: str | None
    after: str | None
    unit: str = ""


class ChangeGroup(Answer):
    """The differences of one service or document.

    :param name: the service or the document.
    :param changes: the differences; empty when there are none.
    """

    name: str
    changes: tuple[FieldChange, ...]


class PlannedMigration(Answer):
    """A change of the schema.

    :param name: the migration.
    :param note: one line: what it does, or what about it is out of the ordinary.
    """

    name: str
    note: str


class Changes(Answer):
    """What the release changes.

    :param known: False before the changes are planned; ``note`` then says so.
    :param note: what is out of the ordinary; empty when nothing is.
    :param template: by service, the differences of its template.
    :param configuration: by document, the settings that change.
    :param schema_changes: the migrations that are due.
    :param left_out: what others deployed after the revision that serves, and the release does not have.
    """

    known: bool
    note: str
    template: tuple[ChangeGroup, ...]
    configuration: tuple[ChangeGroup, ...]
    schema_changes: tuple[PlannedMigration, ...]
    left_out: tuple[str, ...]


class ChecklistLine(Answer):
    """A line of the checklist.

    :param part: before, during or after the deployment.
    :param title: as people read it.
    :param passed: None when the release has no evidence on it, and a person must tell.
    :param evidence: one line: what shows it.
    :param checked_at: when; None when it was not.
    """

    part: Literal["pre", "during", "post"]
    title: str
    passed: bool | None
    evidence: str
    checked_at: datetime | None


class Checklist(Answer):
    """The three checklists.

    :param lines: in the order of the strategy.
    """

    lines: tuple[ChecklistLine, ...]


class InfrastructurePart(Answer):
    """Something that production stands on.

    :param part: such as ``Cloud SQL``.
    :param name: what of it, such as the instance.
    :param state: ``degraded``: there, and not as the policy requires; ``unreadable``: it gave no answer.
    :param found: what was read.
    :param problem: what is wrong and the way on; empty when it is sound.
    """

    part: str
    name: str
    state: Literal["sound", "degraded", "missing", "unreadable"]
    found: str
    problem: str


class Infrastructure(Answer):
    """What production stands on, as it was found before the release.

    :param checked: False where the policy names no part of it.
    :param parts: everything that was checked.
    """

    checked: bool
    parts: tuple[InfrastructurePart, ...]


class GateAnswer(Answer):
    """A gate, and who answered.

    :param phase: the phase, or the question's name.
    :param title: as people read it.
    :param verdict: what was decided; None for an answer that decides nothing by itself.
    :param reason: one line: why, or what was answered.
    :param decided_at: when.
    :param decided_by: the person; ``evidence`` or ``policy`` where it decided, ``time-out`` where nobody
        answered.
    :param lines: what else was checked.
    """

    phase: str
    title: str
    verdict: VerdictName | None
    reason: str
    decided_at: datetime
    decided_by: str
    lines: tuple[str, ...]


class Gates(Answer):
    """Every decision of a release, the oldest first.

    :param gates: the decisions.
    """

    gates: tuple[GateAnswer, ...]


class BusinessTarget(Answer):
    """A business target on the newest reviewed day.

    :param horizon: such as ``Week 1``.
    :param title: as people read it.
    :param status: how it stands.
    :param unit: of the numbers.
    :param value: what is reached; None without data.
    :param at_least: lower limit; None where there is none.
    :param at_most: upper limit; None where there is none.
    :param required: the limits as people read them.
    :param expected: the forecast for the due date with its interval, as people read it; empty without one.
    :param due: the day, ``YYYY-MM-DD``, on which it must be met.
    :param reason: one line.
    """

    horizon: str
    title: str
    status: Literal["on_track", "behind", "met", "missed", "insufficient_data"]
    unit: str
    value: float | None
    at_least: float | None
    at_most: float | None
    required: str
    expected: str
    due: date
    reason: str


class BusinessValue(Answer):
    """The business targets as of the newest reviewed day.

    :param as_of: the reviewed day, ``YYYY-MM-DD``; None when nothing is reviewed.
    :param since_release: release that the targets are dated from; None when nothing is reviewed.
    :param since_version: its version.
    :param promoted_on: the day on which it was promoted.
    :param targets: the targets by due date; empty when they cannot be read.
    :param trouble: why there are none, and what to do; empty when there are.
    """

    as_of: date | None
    since_release: str | None
    since_version: str | None
    promoted_on: date | None
    targets: tuple[BusinessTarget, ...]
    trouble: str


class Notification(Answer):
    """A message to the team.

    :param at: when it was put on record.
    :param event: what it was about.
    :param subject: the message in one line.
    :param via: the Airflow connection.
    :param delivered: False for a message that could not be sent; it is sent again.
    :param trouble: why it could not be sent; empty when it was.
    """

    at: datetime
    event: str
    subject: str
    via: str
    delivered: bool
    trouble: str


class Notifications(Answer):
    """Every message to the team about a release, the oldest first.

    :param notifications: the messages.
    """

    notifications: tuple[Notification, ...]


class IncidentMoment(Answer):
    """A moment of the incident's timeline.

    :param at: when.
    :param what: one line.
    """

    at: datetime
    what: str


class Incident(Answer):
    """The incident report of a rolled-back release whose revisions had traffic.

    :param reported: whether there is one.
    :param summary: one line.
    :param affected: one line: who met the new revisions.
    :param evidence: what led to the rollback, a line each.
    :param timeline: the oldest first.
    """

    reported: bool
    summary: str
    affected: str
    evidence: tuple[str, ...]
    timeline: tuple[IncidentMoment, ...]


class LedgerLine(Answer):
    """An entry on record.

    :param sequence: position in the record, from 1 on.
    :param key: what happened, for machines.
    :param at: when it was written.
    :param sentence: what happened, as people read it.
    :param hash: of the entry, 64 hexadecimal digits.
    :param payload: its content; None when it has more than 12,000 characters: the export has it.
    """

    sequence: int
    key: str
    at: datetime
    sentence: str
    hash: str
    payload: dict[str, Any] | None


class LedgerRecord(Answer):
    """The record of a release and what its verification found.

    :param entries: a page of the entries, the oldest first.
    :param total: entries on record.
    :param first_broken: position of the first entry that is not as it was written, 0 where it is the release
        as a whole; None when everything is.
    :param verified: one line: what the verification found.
    :param export_url: every entry in full with its hashes, from the root of the web server.
    """

    entries: tuple[LedgerLine, ...]
    total: int
    first_broken: int | None
    verified: str
    export_url: str
