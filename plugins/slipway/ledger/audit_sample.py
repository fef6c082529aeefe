"""What an auditor asks of each change to production: what, who asked, who approved, tests before, outcome.

It answers the samples of SOC 2 CC8.1, read from the record alone; what the record does not have is named.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from slipway.ledger.chain import Record, RecordedEntry
from slipway.ledger.entries import (
    ApprovalDecided,
    ChecklistItemChecked,
    LoadTested,
    ReleaseOpened,
    SuiteRun,
    TrafficShifted,
)
from slipway.ledger.ledger import Release
from slipway.ledger.timeline import outcome_of
from slipway.ledger.verification import Verification


@dataclass(frozen=True)
class SampledChange:
    """A release as an auditor's sample has it. Moments are in UTC.

    :param changed: by service, the image with its digest.
    :param requested_by: who asked for it.
    :param requested_because: why, in the words of who asked.
    :param approved_by: who approved it for production; empty when nobody was asked.
    :param approval: the answer, or why nobody was asked.
    :param tests: every suite with its result, and the load test.
    :param checklist_missed: items of the checklist before production that were not fulfilled.
    :param tested_before_production: whether every test was on record before production got any traffic; None
        when there is no test, or no traffic.
    :param outcome: ``promoted``, ``rolled back`` or ``open``.
    :param record: what the verification of its record found.
    :param absent: what the record does not have.
    """

    release: str
    version: str
    region: str
    changed: str
    requested_by: str
    requested_at: datetime
    requested_because: str
    approved_by: str
    approved_at: datetime | None
    approval: str
    tests: str
    tested_at: datetime | None
    checklist_missed: str
    production_at: datetime | None
    tested_before_production: bool | None
    outcome: str
    ended_at: datetime | None
    ended_because: str
    record: str
    absent: str

    def as_row(self) -> dict[str, Any]:
        """Return its fields as plain data: moments as ISO 8601 in UTC, None for what there is not."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {
            name: value.isoformat() if isinstance(value, datetime) else value
            for name, value in values.items()
        }


def sampled(release: Release, record: Record, verified: Verification) -> SampledChange:
    """Return a release as a sample has it.

    :param release: the release.
    :param record: everything on record of it.
    :param verified: what the verification of its record found.
    """
    opened, approval = record.get(ReleaseOpened), record.get(ApprovalDecided)
    approver = None if approval is None or approval.user is None or not approval.approved else approval.user
    tests = [entry for entry in record if isinstance(entry.content, SuiteRun | LoadTested)]
    shifts = [entry for entry in record if isinstance(entry.content, TrafficShifted)]
    tested = max((entry.at for entry in tests), default=None)
    production = min((entry.at for entry in shifts), default=None)
    missed = [item.sentence for item in record.of_kind(ChecklistItemChecked) if not item.passed]
    found: Mapping[str, object] = {
        "the reason of the request": opened is not None and opened.reason,
        "an approval by a person": approver,
        "tests": tests,
        "a load test": any(isinstance(entry.content, LoadTested) for entry in tests),
        "a checklist": any(record.of_kind(ChecklistItemChecked)),
        "traffic in production": shifts,
        "an end": release.closed_at,
    }
    return SampledChange(
        release=release.release_id,
        version=release.version,
        region=release.policy.region,
        changed="; ".join(f"{name}: {one.image}" for name, one in release.plan.services.items()),
        requested_by=release.actor,
        requested_at=release.opened_at,
        requested_because=(opened.reason or "") if opened is not None else "",
        approved_by="" if approver is None else approver.name,
        approved_at=_moment(record, ApprovalDecided.key_of()) if approver is not None else None,
        approval="" if approval is None else approval.sentence,
        tests="; ".join(entry.content.sentence for entry in tests),
        tested_at=tested,
        checklist_missed="; ".join(missed),
        production_at=production,
        tested_before_production=None if tested is None or production is None else tested < production,
        outcome=outcome_of(release),
        ended_at=release.closed_at,
        ended_because=release.reason or "",
        record=verified.sentence,
        absent="; ".join(name for name, is_there in found.items() if not is_there),
    )


def _moment(record: Record, key: str) -> datetime | None:
    found: Iterator[RecordedEntry] = (entry for entry in record if entry.key == key)
    return next((entry.at for entry in found), None)
