"""A frozen phase needs a decision: the question to a person, the message to the team, the answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from slipway.ledger.entries import BakeAnswered, Person
from slipway.release.asking import answer_of, ask, stands

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow.sdk import Context
    from airflow.sdk.exceptions import TaskAwaitingInput

    from slipway.ledger.bakes import Bake
    from slipway.ledger.ledger import Release

BAKE_ON = "Bake on"
ROLL_BACK = "Roll back"


@dataclass(frozen=True)
class FrozenPhase:
    """A phase whose evidence cannot give a verdict.

    :param release: the release of this run.
    :param bake: the round of its bake that froze.
    :param reason: why, in one line.
    """

    release: Release
    bake: Bake
    reason: str

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
        return f"{self.subject}.\n{self.reason}.\nAnswer under Required Actions: {BAKE_ON}, or {ROLL_BACK}."

    def asked(self, context: Context) -> bool:
        """Tell whether an earlier try put the question, and its answer is not on record yet.

        :param context: Airflow's context of the task.
        """
        return stands(context, self._question)

    def ask(self, context: Context) -> TaskAwaitingInput:
        """Put the question before a person.

        :param context: Airflow's context of the task.
        :return: what the task must raise.
        """
        return ask(
            context,
            self._question,
            subject=self.subject,
            body=f"{self.reason}.\n\nThe traffic stays as it is. **{BAKE_ON}** starts another bake round of "
            f"the phase; **{ROLL_BACK}** restores the stable revisions. Without an answer within "
            f"{self.seconds / 60:g} minutes the release is rolled back.",
            options=(BAKE_ON, ROLL_BACK),
            safe=ROLL_BACK,
            seconds=self.seconds,
        )

    @property
    def _question(self) -> str:
        return BakeAnswered.key_of(phase=self.bake.phase, round=self.bake.number)


def answered(bake: Bake, event: Mapping[str, Any]) -> BakeAnswered:
    """Return what to put on record of an answer.

    :param bake: the round of the bake that froze.
    :param event: as :func:`slipway.release.asking.answer_of` reads it.
    """
    answer = answer_of(event)
    user = answer.user
    return BakeAnswered(
        phase=bake.phase,
        round=bake.number,
        reason=str(answer),
        user=None if user is None else Person(id=user["id"], name=user["name"]),
        bake_on=answer.option == BAKE_ON,
        at=answer.at,
    )
