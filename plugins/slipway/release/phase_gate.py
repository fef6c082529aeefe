"""The question whether the next phase may begin, and which question a bake's verdict leads to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from slipway.analysis.verdict import Verdict
from slipway.ledger.audit import duration
from slipway.release.bake import skipped_bake
from slipway.release.undecided import APPROVE, BAKE_ON, ROLL_BACK, UndecidedPhase, changed_phase

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from slipway.hooks.cloud_run.hook import CloudRunTrafficHook
    from slipway.ledger.bakes import Bake
    from slipway.ledger.entries import PhaseBaked
    from slipway.ledger.ledger import Release
    from slipway.policy.checklist import Gate
    from slipway.policy.release import GatedPhaseName, PhaseName

_AFTER: Mapping[PhaseName, GatedPhaseName] = {"canary": "half", "half": "full"}


def gate_after(release: Release, phase: PhaseName) -> Gate | None:
    """Return the gate between a phase and the next one; None where nobody is asked.

    :param release: the release of this run.
    :param phase: ``canary``, ``half`` or ``full``.
    """
    following = _AFTER.get(phase)
    if following is None or skipped_bake(release, phase) is not None:
        return None
    return release.policy.gates.get(following)


@dataclass(frozen=True)
class GatedPhase(UndecidedPhase):
    """A phase that the evidence promotes: a person says whether the next one begins.

    :param gate: the gate.
    :param baked: the verdict on the phase.
    """

    options: Sequence[str] = (APPROVE, BAKE_ON, ROLL_BACK)
    gate: Gate | None = None
    baked: PhaseBaked | None = None

    @property
    def percent(self) -> int:
        """Share of the traffic that the next phase gives to the new revision."""
        return self.release.policy.phases[_AFTER[self.bake.phase]].traffic_percent

    @property
    def seconds(self) -> float:
        """Time for an answer, in seconds."""
        return super().seconds if self.gate is None else self.gate.answer_timeout_seconds

    @property
    def respondents(self) -> Sequence[str]:
        """Ids of the users who may answer."""
        return self.release.policy.respondents(None if self.gate is None else self.gate.answered_by)

    @property
    def subject(self) -> str:
        """The question in one line."""
        return f"Release {self.release.version}: may it go to {self.percent} % of the traffic?"

    @property
    def body(self) -> str:
        """What the person reads, in Markdown."""
        another = self.gate is not None and self.gate.by_another_person
        own = f" {self.release.actor} requested the release and cannot approve it." if another else ""
        findings = "" if self.baked is None else "\n".join(f"- {one.reason}" for one in self.baked.findings)
        return (
            f"The {self.bake.phase} phase is promoted by its evidence.{own}\n\n**Evidence**\n\n{findings}\n\n"
            "**Answers**\n\n"
            f"- **{APPROVE}** gives {self.percent} % of the traffic to {self.release.version}.\n"
            f"- **{BAKE_ON}** bakes the phase once more, with new evidence.\n"
            f"- **{ROLL_BACK}** restores the stable revisions.\n\n"
            f"Without an answer within {duration(self.seconds)} the release is rolled back. The metrics stay"
            " checked while the question stands: a rollback verdict rolls back at once and closes it."
        )

    def requester(self, option: str) -> str | None:
        """Return who may not give an answer because the release is theirs; None for nobody.

        :param option: the answer.
        """
        another = self.gate is not None and self.gate.by_another_person
        return self.release.actor if another and option == APPROVE else None


def question_about(
    release: Release, bake: Bake, baked: PhaseBaked, hook: CloudRunTrafficHook
) -> UndecidedPhase | None:
    """Return what a person is asked about a bake that ended; None when its verdict is enough.

    :param release: the release of this run.
    :param bake: the round of the bake that ended.
    :param baked: its verdict.
    :param hook: the door to Cloud Run.
    """
    if (changed := changed_phase(release, bake, baked, hook)) is not None:
        return changed
    if baked.needs_a_person:
        return UndecidedPhase(release, bake, baked.reason)
    gate = gate_after(release, bake.phase)
    if baked.verdict is Verdict.PROMOTE and gate is not None:
        return GatedPhase(release, bake, "the next phase needs an approval", gate=gate, baked=baked)
    return None
