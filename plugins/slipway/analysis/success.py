"""The success criteria, judged one by one on what is on record."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from slipway.analysis.post_deployment import ChecklistLine
from slipway.analysis.verdict import Finding, Verdict
from slipway.policy.success import Area, Success, SuccessCriterion


@dataclass(frozen=True)
class JudgedCriterion:
    """A criterion with its judgement.

    :param met: None when nothing on record decides it, and a person must.
    :param evidence: what it rests on, a line each.
    """

    area: Area
    title: str
    met: bool | None
    evidence: Sequence[str]


@dataclass(frozen=True)
class Shown:
    """What a release has on record, as far as criteria rest on it.

    :param findings: by metric, what the last gate that judged it found.
    :param suites: by suite, whether it reached its share, and its line.
    :param lines: the lines of the checklists by title or name of the item.
    :param shifts: what the requests after each shift of the traffic showed: whether it was served, and how.
    """

    findings: Mapping[str, Finding] = field(default_factory=dict)
    suites: Mapping[str, tuple[bool, str]] = field(default_factory=dict)
    lines: Mapping[str, ChecklistLine] = field(default_factory=dict)
    shifts: Sequence[tuple[bool, str]] = ()


def judge_success(success: Success, shown: Shown) -> Sequence[JudgedCriterion]:
    """Judge every criterion.

    :param success: the policy's criteria.
    :param shown: what the release has on record.
    """
    return [
        _judged(area, criterion, list(_evidence(criterion, shown)))
        for area, criteria in success.by_area.items()
        for criterion in criteria
    ]


def _judged(
    area: Area, criterion: SuccessCriterion, evidence: Sequence[tuple[bool | None, str]]
) -> JudgedCriterion:
    states = [state for state, _ in evidence]
    met = False if False in states else None if None in states or not states else True
    lines = [line for _, line in evidence] or ["nothing is measured; a person must decide"]
    return JudgedCriterion(area, criterion.title, met, lines)


def _evidence(criterion: SuccessCriterion, shown: Shown) -> Iterator[tuple[bool | None, str]]:
    for key in criterion.metrics:
        finding = shown.findings.get(key)
        if finding is None or finding.observed is None:
            yield None, f"{key}: no evidence on record"
        else:
            yield finding.verdict is Verdict.PROMOTE, finding.reason
    for suite in criterion.suites:
        yield shown.suites.get(suite, (None, f"test suite {suite}: not on record"))
    for name in (*criterion.items, *criterion.lines):
        line = shown.lines.get(name)
        yield (None, f"{name}: not on record") if line is None else (line.passed, str(line))
    if criterion.served_throughout:
        yield from shown.shifts
        if not shown.shifts:
            yield None, "traffic: no shift on record"
