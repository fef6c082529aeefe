"""What a report says, from the record of its release alone."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from slipway.analysis.load_report import LoadReport
from slipway.analysis.post_deployment import ChecklistLine
from slipway.analysis.success import JudgedCriterion, Shown, judge_success
from slipway.analysis.verdict import Finding, Verdict
from slipway.ledger.audit import duration
from slipway.ledger.bakes import Bake
from slipway.ledger.chain import Record, first_broken
from slipway.ledger.entries import (
    ApprovalDecided,
    BakeAnswered,
    ChangesPlanned,
    ChecklistItemChecked,
    DeploymentChecked,
    GateDecided,
    IncidentReported,
    LoadTested,
    ReleaseOpened,
    RollbackOrdered,
    RollbackOverridden,
    RunChangedByHand,
    SuiteRun,
    TrafficVerified,
)
from slipway.ledger.entries.staging import changed
from slipway.ledger.links import release_link
from slipway.ledger.timeline import outcome_of, phases, summary_line, traffic

if TYPE_CHECKING:
    from slipway.ledger.ledger import Release


class Part(BaseModel):
    """A part of a report: frozen plain data."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Criterion(Part):
    """A criterion of success.

    :param met: None when nothing on record decides it, and a person must.
    """

    area: str
    title: str
    met: bool | None
    evidence: tuple[str, ...]


class CheckedLine(Part):
    """A line of one of the three checklists.

    :param part: ``pre``, ``during`` or ``post``.
    """

    part: str
    title: str
    passed: bool | None
    reason: str


class Moment(Part):
    """A line of the timeline.

    :param by: the task that did it.
    """

    at: datetime
    key: str
    what: str
    by: str | None


class Drawing(Part):
    """Evidence as a drawing."""

    title: str
    svg: str


class Staging(Part):
    """What staging showed.

    :param suites: the test suites, with the tests that did not pass.
    :param findings: the criteria of phase 1, one by one, as its gate judged them.
    :param load_test: what the load test saw; None when it did not run.
    :param drawing: the load test over its time; None without one.
    """

    suites: tuple[str, ...]
    findings: tuple[str, ...]
    load_test: LoadReport | None
    drawing: Drawing | None


class Report(Part):
    """A release, from its request to its end.

    :param summary: its last line.
    :param took: how long it was open.
    :param chain: whether its record's hash chain holds.
    """

    format: int = 1
    release: str
    version: str
    region: str
    policy: str
    run: str
    link: str
    outcome: str
    summary: str
    requested_by: str
    because: str | None
    opened_at: datetime
    closed_at: datetime | None
    took: str
    chain: str
    criteria: tuple[Criterion, ...]
    checklists: tuple[CheckedLine, ...]
    decisions: tuple[Moment, ...]
    traffic: tuple[Moment, ...]
    differences: tuple[str, ...]
    people: tuple[str, ...]
    incident: str | None
    timeline: tuple[Moment, ...]
    staging: Staging
    drawings: tuple[Drawing, ...]


def report_of(release: Release, record: Record, drawings: dict[Bake, str]) -> Report:
    """Return the report of a release.

    :param release: the release, which has ended.
    :param record: everything on record of it.
    :param drawings: the drawings of its bakes' evidence, SVG by bake.
    """
    opened, incident = record.get(ReleaseOpened), record.get(IncidentReported)
    broken = first_broken(release.release_id, record)
    lines = list(_checklists(record))
    end = release.closed_at or record[-1].at
    return Report(
        release=release.release_id,
        version=release.version,
        region=release.policy.region,
        policy=release.policy.name,
        run=release.run_id,
        link=release_link(release.run_id),
        outcome=outcome_of(release),
        summary=summary_line(release, record),
        requested_by=release.actor,
        because=None if opened is None else opened.reason,
        opened_at=release.opened_at,
        closed_at=release.closed_at,
        took=duration((end - release.opened_at).total_seconds()),
        chain="every entry holds" if broken is None else f"broken at entry {broken}",
        criteria=tuple(
            _criterion(judged) for judged in judge_success(release.policy.success, _shown(release, record))
        ),
        checklists=tuple(lines),
        decisions=tuple(
            Moment(at=found.at, key=found.phase, what=f"{found.verdict}: {'; '.join(found.lines)}", by=None)
            for found in phases(record)
        ),
        traffic=tuple(
            Moment(
                at=step.at, key=name, what=f"{step.new_percent} % on the new revision ({step.why})", by=None
            )
            for name, steps in traffic(release, record).items()
            for step in steps
        ),
        differences=tuple(_differences(record)),
        people=tuple(_people(release, record)),
        incident=None if incident is None else incident.sentence,
        timeline=tuple(
            Moment(at=entry.at, key=entry.key, what=entry.content.sentence, by=entry.content.task)
            for entry in record
        ),
        staging=_staging(release, record),
        drawings=tuple(Drawing(title=bake.title, svg=svg) for bake, svg in drawings.items()),
    )


def _staging(release: Release, record: Record) -> Staging:
    from slipway.release.load_plot import draw_load

    gate, tested = record.get(GateDecided, phase="staging"), record.get(LoadTested)
    seen = None if tested is None else LoadReport.model_validate(tested.model_dump(include=_LOAD_FIELDS))
    return Staging(
        suites=tuple(suite.sentence for suite in record.of_kind(SuiteRun)),
        findings=() if gate is None else tuple(f"{found.verdict}: {found.reason}" for found in gate.findings),
        load_test=seen,
        drawing=None
        if seen is None or not seen.timeline
        else Drawing(title="Load test in staging", svg=draw_load(seen, release.policy.load_test)),
    )


_LOAD_FIELDS = set(LoadReport.model_fields)


def _criterion(judged: JudgedCriterion) -> Criterion:
    return Criterion(area=judged.area, title=judged.title, met=judged.met, evidence=tuple(judged.evidence))


def _shown(release: Release, record: Record) -> Shown:
    findings: dict[str, Finding] = {}
    for gate in record.of_kind(GateDecided):
        findings |= {found.metric: found for found in gate.findings}
    verified = [(v.verdict is Verdict.PROMOTE, v.sentence) for v in record.of_kind(TrafficVerified)]
    lines = {
        checked.item: ChecklistLine("pre", checked.title or checked.item, checked.passed, checked.reason)
        for checked in record.of_kind(ChecklistItemChecked)
    }
    for line in _deployment(record):
        lines[line.title] = ChecklistLine(line.part, line.title, line.passed, line.reason)

    def required_percent(suite: str) -> float:
        return release.policy.validation.required_percent(suite)

    return Shown(
        findings=findings,
        suites={
            suite.suite: (
                suite.tests > 0 and 100 * suite.passed >= required_percent(suite.suite) * suite.tests,
                f"{suite.sentence} (required {required_percent(suite.suite):g} %)",
            )
            for suite in record.of_kind(SuiteRun)
        },
        lines=lines,
        shifts=verified,
    )


def _checklists(record: Record) -> Iterator[CheckedLine]:
    for checked in record.of_kind(ChecklistItemChecked):
        yield CheckedLine(
            part="pre", title=checked.title or checked.item, passed=checked.passed, reason=checked.reason
        )
    yield from _deployment(record)


def _deployment(record: Record) -> Iterator[CheckedLine]:
    checked = record.get(DeploymentChecked)
    for line in () if checked is None else checked.lines:
        yield CheckedLine(part=line.part, title=line.title, passed=line.passed, reason=line.reason)


def _differences(record: Record) -> Iterator[str]:
    planned = record.get(ChangesPlanned, environment="production")
    if planned is None:
        return
    for service, found in planned.revisions.items():
        yield from (f"{service}: {change}" for change in found)
    yield f"configuration {changed(planned.configuration)}"
    yield from (f"migration {name}" for name in planned.migrations)
    yield from (f"migration {name} is held: {why}" for name, why in planned.held.items())


def _people(release: Release, record: Record) -> Iterator[str]:
    yield f"{release.actor} requested the release"
    for entry in record:
        if isinstance(
            entry.content,
            ApprovalDecided | BakeAnswered | RollbackOrdered | RollbackOverridden | RunChangedByHand,
        ):
            yield entry.content.sentence
