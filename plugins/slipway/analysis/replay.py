"""Recomputes a phase's verdict from its record, and says what another policy would have said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from slipway.analysis.bake import BakeAnalysis
from slipway.analysis.evidence_record import EvidenceRecord
from slipway.analysis.verdict import Decision
from slipway.policy.release import Policy


@dataclass(frozen=True)
class Replay:
    """What came out.

    :param decision: the first verdict that is not ``hold``, or the last look's.
    :param is_complete: False when the policy would have watched on after the record ends: the verdict is
        open.
    :param missing: metrics of the policy that the record does not have; they are no evidence.
    """

    decision: Decision
    is_complete: bool
    missing: Sequence[str]

    def differences(self, recorded: Mapping[str, Any]) -> list[str]:
        """Compare with the verdict on record; an empty list says that it is the same.

        :param recorded: the decision's payload as it was recorded.
        """
        now = self.decision.as_payload()
        return [
            f"{part}: recorded {recorded.get(part)!r}, replayed {now[part]!r}"
            for part in ("verdict", "seconds", "reason")
            if recorded.get(part) != now[part]
        ]


def replay(record: EvidenceRecord, policy: Policy) -> Replay:
    """Decide again, look by look, as the watch did.

    :param record: the phase's evidence.
    :param policy: the release's own policy, or another one to compare with.
    :raises ValueError: when the record has no look.
    """
    if not record.rows:
        raise ValueError(f"evidence record of phase {record.phase}: has no looks; nothing to replay")
    phase = policy.phases[record.phase]
    deadline = phase.bake_seconds + phase.extension_seconds
    analysis = BakeAnalysis(
        policy,
        bake_seconds=phase.bake_seconds,
        extension_seconds=phase.extension_seconds,
        phase=record.phase,
    )
    missing = [key for key in policy.metrics if key not in record.metrics]
    decision, is_over = analysis.decision(at=0.0), False
    for at, canary, stable in record.looks():
        if isinstance(canary, str):
            decision = analysis.unanswered(canary, at=at)
        else:
            analysis.add(canary, stable, at=at)
            decision = analysis.decision(at=at)
        is_over = decision.ends_the_bake or at > deadline
        if is_over:
            break
    return Replay(decision, is_over, missing)
