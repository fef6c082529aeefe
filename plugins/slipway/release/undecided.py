"""A phase that the evidence cannot decide: the question to a person, the message to the team, the answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from slipway.analysis.verdict import Cause
from slipway.ledger.audit import duration
from slipway.ledger.entries import BakeAnswered, ChangeSettled, PhaseBaked
from slipway.release.asking import Answer, answer_of, put, refusal
from slipway.release.foreign_change import Action, serves_new_revision, settle_change

if TYPE_CHECKING:
    from datetime import timedelta

    from airflow.sdk import Context

    from slipway.hooks.cloud_run.hook import CloudRunTrafficHook, Lease
    from slipway.ledger.bakes import Bake
    from slipway.ledger.chain import Record
    from slipway.ledger.ledger import Release

APPROVE = "Approve"
BAKE_ON = "Bake on"
ADOPT = "Adopt the change"
RESTORE = "Restore the split"
ROLL_BACK = "Roll back"
#: What is done to the services before the next bake round, where somebody else changed one.
_SETTLES: Mapping[str, Action] = {ADOPT: "adopt", RESTORE: "restore"}
_FOLLOWS: Mapping[str, str] = {
    BAKE_ON: "starts another bake round of the phase.",
    ADOPT: "keeps the services as they are, and starts another bake round at that split.",
    RESTORE: "sets the split of the phase again, and starts another bake round.",
    ROLL_BACK: "restores the stable revisions.",
}


@dataclass(frozen=True)
class UndecidedPhase:
    """A phase whose evidence cannot give a verdict: it is frozen, or somebody else changed a service.

    :param release: the release of this run.
    :param bake: the round of its bake that ended.
    :param reason: why, in one line.
    :param options: what a person may answer.
    """

    release: Release
    bake: Bake
    reason: str
    options: Sequence[str] = (BAKE_ON, ROLL_BACK)

    @property
    def seconds(self) -> float:
        """Time for an answer, in seconds."""
        return self.release.policy.decision.decision_timeout_seconds

    @property
    def subject(self) -> str:
        """The question in one line."""
        return f"Release {self.release.version}: the {self.bake.phase} phase needs a decision"

    @property
    def message(self) -> str:
        """The message to the team."""
        options = ", or ".join(self.options)
        return f"{self.subject}.\n{self.reason}.\nAnswer within {duration(self.seconds)}: {options}."

    @property
    def respondents(self) -> Sequence[str]:
        """Ids of the users who may answer."""
        return self.release.policy.respondents()

    @property
    def body(self) -> str:
        """What the person reads, in Markdown."""
        return (
            f"{self.reason}.\n\nThe traffic stays as it is. The metrics stay checked: a rollback verdict"
            " rolls back at once and closes the question.\n\n"
            + "".join(f"- **{option}** {_FOLLOWS[option]}\n" for option in self.options)
            + f"\nWithout an answer within {duration(self.seconds)} the release is rolled back."
        )

    def requester(self, option: str) -> str | None:
        """Return who may not give an answer because the release is theirs; None for nobody.

        :param option: the answer.
        """
        return None

    def refusal(self, answer: Answer) -> str | None:
        """Say why an answer does not count; None when it does.

        :param answer: the answer.
        """
        return refusal(answer, requester=self.requester(answer.option), respondents=self.respondents)

    def put(self, context: Context, *, note: str = "") -> timedelta:
        """Put the question before a person.

        :param context: Airflow's context of the task.
        :param note: what comes first in the form.
        :return: the time left for an answer.
        """
        return put(
            context,
            self._question,
            subject=self.subject,
            body=note + self.body,
            options=self.options,
            safe=ROLL_BACK,
            seconds=self.seconds,
            respondents=self.respondents,
        )

    @property
    def _question(self) -> str:
        return BakeAnswered.key_of(phase=self.bake.phase, round=self.bake.number)


def changed_phase(
    release: Release, bake: Bake, baked: PhaseBaked, hook: CloudRunTrafficHook
) -> UndecidedPhase | None:
    """Return the question about a bake that somebody else's change has ended; None for any other bake.

    A split in which the new revision has no traffic cannot be adopted: there would be no evidence.

    :param release: the release of this run.
    :param bake: the round of the bake that ended.
    :param baked: its verdict.
    :param hook: the door to Cloud Run.
    """
    if baked.cause is not Cause.CHANGED or not baked.needs_a_person:
        return None
    adopts = [ADOPT] if serves_new_revision(release, hook) else []
    return UndecidedPhase(release, bake, baked.reason, (*adopts, RESTORE, ROLL_BACK))


def settle(
    option: str,
    release: Release,
    record: Record,
    bake: Bake,
    hook: CloudRunTrafficHook,
    lease: Lease,
) -> ChangeSettled | None:
    """Settle a change by somebody else as a person decided; None for an answer that settles none.

    :param option: the option chosen.
    :param release: the release of this run.
    :param record: everything on record of it.
    :param bake: the round of the bake that the change ended.
    :param hook: the door to Cloud Run.
    :param lease: the release's right to change its services.
    """
    action = _SETTLES.get(option)
    if action is None:
        return None
    return settle_change(release, record, bake, hook, action=action, lease=lease)


def answered(bake: Bake, event: Mapping[str, Any]) -> BakeAnswered:
    """Return what to put on record of an answer.

    :param bake: the round of the bake that ended.
    :param event: as :func:`slipway.release.asking.answer_of` reads it.
    """
    answer = answer_of(event)
    return BakeAnswered(
        phase=bake.phase,
        round=bake.number,
        reason=str(answer),
        user=answer.person,
        bake_on=answer.option not in (APPROVE, ROLL_BACK),
        approved=answer.option == APPROVE,
        at=answer.at,
    )


def closed_by_metrics(bake: Bake, decided_at: datetime) -> BakeAnswered:
    """Return what to put on record when the metrics turn bad before anybody answers: they are a round more.

    :param bake: the round of the bake that asked.
    :param decided_at: moment of the verdict.
    """
    reason = "the metrics turned bad before anybody answered"
    return BakeAnswered(phase=bake.phase, round=bake.number, reason=reason, bake_on=True, at=decided_at)
