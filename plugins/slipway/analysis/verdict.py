"""The three verdicts, and the reasons for one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Any


class Verdict(StrEnum):
    """Verdict on the evidence. There is no fourth: no evidence is a reason to hold, never to promote."""

    PROMOTE = "promote"
    HOLD = "hold"
    ROLLBACK = "rollback"


class Cause(StrEnum):
    """Cause of a finding, for machines; the reason beside it is for people."""

    WITHIN_TARGET = "within_target"
    NO_EVIDENCE = "no_evidence"
    NO_ANSWER = "no_answer"
    NOT_ENOUGH_EVIDENCE = "not_enough_evidence"
    OVER_TARGET = "over_target"
    RISING = "rising"
    OVER_TRIGGER = "over_trigger"
    WORSE_THAN_STABLE = "worse_than_stable"
    QUARANTINED = "quarantined"
    FROZEN = "frozen"
    TOO_LITTLE_TRAFFIC = "too_little_traffic"
    BAKING = "baking"
    CHANGED = "changed_by_another_party"
    CANNOT_PROMOTE = "cannot_promote"


@dataclass(frozen=True)
class Finding:
    """Judgement of one metric.

    :param metric: key in the policy.
    :param reason: one line for people, with values, units and limits.
    :param observed: the observed percent, count or level, None without events.
    :param events: events behind it.
    :param cause: why, for machines; ``no_evidence`` and ``no_answer`` never go with ``promote``.
    :param log_e: natural logarithms of the e-values behind it, by name.
    :param advisory: True for a finding that is shown and holds nothing.
    :raises ValueError: for a promotion on no evidence.
    """

    metric: str
    verdict: Verdict
    reason: str
    observed: float | None
    events: float
    cause: Cause | None = None
    log_e: dict[str, float] | None = None
    advisory: bool = False

    def __post_init__(self) -> None:
        if self.verdict is Verdict.PROMOTE and self.cause in (Cause.NO_EVIDENCE, Cause.NO_ANSWER):
            raise ValueError(f"metric {self.metric}: no evidence can only hold or roll back, not promote")


@dataclass(frozen=True)
class Decision:
    """A verdict with everything that led to it.

    :param reason: one line for people: the finding that decided.
    :param seconds: length of the bake so far.
    :param cause: why, for machines: of the first finding that decided.
    """

    verdict: Verdict
    reason: str
    findings: Sequence[Finding]
    seconds: float
    cause: Cause | None = None

    @property
    def needs_a_person(self) -> bool:
        """True when the analysis may decide nothing more on its own.

        The phase is frozen or can no longer end in a promotion, or somebody else changed a service, so that
        the evidence is of another split.
        """
        return self.cause in (Cause.CHANGED, Cause.CANNOT_PROMOTE) or any(
            finding.cause is Cause.FROZEN for finding in self.findings
        )

    @property
    def ends_the_bake(self) -> bool:
        """True when more evidence cannot change it: it is decided, or a person must decide."""
        return self.verdict is not Verdict.HOLD or self.needs_a_person

    def held(self, reason: str, *, verdict: Verdict = Verdict.HOLD) -> Decision:
        """Return what the bake ends with when somebody else changed a service: the evidence decides nothing.

        :param reason: what was changed, by whom and when.
        :param verdict: ``hold``, so that a person decides, or ``rollback``.
        """
        return replace(self, verdict=verdict, reason=reason, cause=Cause.CHANGED)

    def as_payload(self) -> dict[str, Any]:
        """Return plain data for the ledger, XCom and the task log."""
        return {
            "verdict": str(self.verdict),
            "reason": self.reason,
            "cause": None if self.cause is None else str(self.cause),
            "needs_a_person": self.needs_a_person,
            "seconds": round(self.seconds, 1),
            "findings": [_plain(finding) for finding in self.findings],
        }


def combine(findings: Sequence[Finding], *, seconds: float) -> Decision:
    """Combine metrics: any rollback rolls back, and only unanimous promotion promotes.

    :param findings: one per metric; none at all, or advisory ones only, is no evidence, hence ``hold``.
    :param seconds: length of the bake so far.
    """
    weighed = [finding for finding in findings if not finding.advisory]
    for verdict in (Verdict.ROLLBACK, Verdict.HOLD):
        deciding = [finding for finding in weighed if finding.verdict is verdict]
        if deciding:
            reason = "; ".join(finding.reason for finding in deciding)
            return Decision(verdict, reason, findings, seconds, deciding[0].cause)
    if not weighed:
        reason = "no evidence: no metric was checked"
        return Decision(Verdict.HOLD, reason, findings, seconds, Cause.NO_EVIDENCE)
    return Decision(
        Verdict.PROMOTE, "; ".join(f.reason for f in weighed), findings, seconds, Cause.WITHIN_TARGET
    )


def _plain(finding: Finding) -> dict[str, Any]:
    plain = asdict(finding)
    plain["verdict"] = str(finding.verdict)
    plain["cause"] = None if finding.cause is None else str(finding.cause)
    if finding.log_e is not None:
        plain["log_e"] = {name: round(value, 3) for name, value in finding.log_e.items()}
    return plain
