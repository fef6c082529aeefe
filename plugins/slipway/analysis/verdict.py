"""The three verdicts, and the reasons for one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any


class Verdict(StrEnum):
    """What the evidence says. There is no fourth: no evidence is a reason to hold, never to promote."""

    PROMOTE = "promote"
    HOLD = "hold"
    ROLLBACK = "rollback"


@dataclass(frozen=True)
class Finding:
    """What one metric says.

    :param metric: key in the policy.
    :param reason: one line for people, with values, units and limits.
    :param observed: the observed percent or count, None without events.
    :param events: events behind it.
    """

    metric: str
    verdict: Verdict
    reason: str
    observed: float | None
    events: float


@dataclass(frozen=True)
class Decision:
    """A verdict with everything that led to it.

    :param reason: one line for people: the finding that decided.
    :param seconds: length of the watched window.
    """

    verdict: Verdict
    reason: str
    findings: Sequence[Finding]
    seconds: float

    def as_payload(self) -> dict[str, Any]:
        """Return plain data for the ledger, XCom and the task log."""
        return {
            "verdict": str(self.verdict),
            "reason": self.reason,
            "seconds": round(self.seconds, 1),
            "findings": [{**asdict(finding), "verdict": str(finding.verdict)} for finding in self.findings],
        }


def combine(findings: Sequence[Finding], *, seconds: float) -> Decision:
    """Combine metrics: any rollback rolls back, and only unanimous promotion promotes.

    :param findings: one per metric; none at all is no evidence, hence ``hold``.
    :param seconds: length of the watched window.
    """
    for verdict in (Verdict.ROLLBACK, Verdict.HOLD):
        reasons = [finding.reason for finding in findings if finding.verdict is verdict]
        if reasons:
            return Decision(verdict, "; ".join(reasons), findings, seconds)
    if not findings:
        return Decision(Verdict.HOLD, "no evidence: no metric was looked at", findings, seconds)
    return Decision(Verdict.PROMOTE, "; ".join(f.reason for f in findings), findings, seconds)
