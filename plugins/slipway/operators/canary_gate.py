"""The operator that asks a person before the canary gets traffic, where the policy has a gate there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from slipway.ledger.audit import duration
from slipway.ledger.entries import ApprovalDecided, DetectionPowerForecast, RevisionWarmedUp
from slipway.ledger.links import question_link
from slipway.operators.base import AskingOperator
from slipway.release.asking import answer_of, ask, refusal
from slipway.release.undecided import APPROVE, ROLL_BACK

if TYPE_CHECKING:
    from airflow.sdk import Context

    from slipway.ledger.chain import Record
    from slipway.ledger.ledger import Release
    from slipway.policy.checklist import Gate

QUESTION = "canary_gate"


class ApproveCanaryOperator(AskingOperator):
    """Ask a person before the new revision gets its first traffic; skipped without ``gates.canary``.

    The revision is deployed and warmed up by then. Whoever requested the release does not approve it, unless
    the gate lets them. A no, or no answer in time, fails the task, which starts the rollback.
    """

    def execute(self, context: Context) -> str:
        """Return the answer on record, or ask.

        :param context: Airflow's context of the task.
        :raises AirflowFailException: after a no.
        :raises AirflowSkipException: when the policy has no gate before the canary.
        """
        release = self.release(context)
        decided = self.ledger.get(release.release_id, ApprovalDecided, place="canary")
        if decided is not None:
            return _follow(decided)
        gate = release.policy.gates.get("canary")
        if gate is None:
            raise AirflowSkipException("the policy has no gate before the canary")
        return self._ask(context, release, gate)

    def on_answer(self, context: Context, event: dict[str, Any]) -> str:
        """Record who answered what, and return it.

        :param context: Airflow's context of the task.
        :param event: as :func:`slipway.release.asking.answer_of` reads it.
        :raises AirflowFailException: after a no.
        """
        release, answer = self.release(context), answer_of(event)
        gate = release.policy.gates["canary"]
        own = release.actor if gate.by_another_person and answer.option == APPROVE else None
        why = refusal(answer, requester=own, respondents=release.policy.respondents(gate.answered_by))
        if why is not None and answer.person is not None:
            note = self.refuse_answer(context, release, QUESTION, why, answer.person)
            self._ask(context, release, gate, note=note)
        approved = answer.person is not None and answer.option == APPROVE
        decided = ApprovalDecided(place="canary", approved=approved, reason=str(answer), user=answer.person)
        self.record(release, decided)
        return _follow(decided)

    def _ask(self, context: Context, release: Release, gate: Gate, *, note: str = "") -> NoReturn:
        percent = release.policy.phases["canary"].traffic_percent
        subject = f"Release {release.version}: may it go to {percent} % of the traffic?"
        waiting = ask(
            context,
            ApprovalDecided.key_of(place="canary"),
            subject=subject,
            body=note + _body(release, gate, percent, self.ledger.entries(release.release_id)),
            options=(APPROVE, ROLL_BACK),
            safe=ROLL_BACK,
            seconds=gate.answer_timeout_seconds,
            respondents=release.policy.respondents(gate.answered_by),
        )
        self.notify_once(context, release, QUESTION, subject, f"Answer: {question_link(context)}")
        raise waiting


def _follow(decided: ApprovalDecided) -> str:
    if not decided.approved:
        raise AirflowFailException(decided.sentence)
    return decided.reason


def _body(release: Release, gate: Gate, percent: int, record: Record) -> str:
    own = f" {release.actor} requested the release and cannot approve it." if gate.by_another_person else ""
    found = [
        *record.of_kind(RevisionWarmedUp),
        *record.of_kind(DetectionPowerForecast),
    ]
    evidence = "\n".join(f"- {entry.sentence}" for entry in found)
    return (
        f"The new revisions are deployed and have no traffic.{own}\n\n**Evidence**\n\n{evidence}\n\n"
        "**Answers**\n\n"
        f"- **{APPROVE}** gives {percent} % of the traffic to {release.version}.\n"
        f"- **{ROLL_BACK}** ends the release; the traffic stays where it is.\n\n"
        f"Without an answer within {duration(gate.answer_timeout_seconds)} the release is rolled back."
    )
