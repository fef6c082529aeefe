"""The bake sensor: waits for the verdict on a phase, and asks a person where the evidence cannot give one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NoReturn

from airflow.sdk.exceptions import AirflowSkipException

from slipway.ledger.audit import audit, duration
from slipway.ledger.bakes import Bake, current_bake
from slipway.ledger.entries import BakeAnswered, PhaseBaked
from slipway.ledger.links import question_link
from slipway.operators.base import AskingOperator, ReleaseOperator
from slipway.policy.release import PhaseName
from slipway.release.asking import answer_of, close
from slipway.release.bake import announce_bake, require_shifted, skipped_bake
from slipway.release.drawings import keep_drawings
from slipway.release.leases import hold_services
from slipway.release.phase_gate import question_about
from slipway.release.undecided import (
    APPROVE,
    ROLL_BACK,
    UndecidedPhase,
    answered,
    closed_by_metrics,
    settle,
)
from slipway.triggers.asked_bake import AskedBakeTrigger
from slipway.triggers.bake import BakeTrigger

if TYPE_CHECKING:
    from airflow.sdk import Context

    from slipway.ledger.chain import Record
    from slipway.ledger.ledger import Release
    from slipway.release.asking import Answer

_MARGIN_SECONDS = 300
#: Airflow shows the end of the wait as the end of the time for an answer; the trigger ends it before.
_ANSWER_MARGIN_SECONDS = 30


class BakeOperator(ReleaseOperator):
    """Base of the bake: it begins a round of it in the triggerer.

    :param phase: ``canary``, ``half`` or ``full``.
    :param promql_conn_id: connection to the PromQL API.
    """

    def __init__(self, *, phase: PhaseName, promql_conn_id: str = "slipway_promql", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.phase = phase
        self.promql_conn_id = promql_conn_id

    def bake(self, release: Release, bake: Bake, *, started_at: datetime) -> NoReturn:
        """Begin a round in the triggerer, and go on with ``execute_complete``.

        :param release: the release of this run.
        :param bake: the round.
        :param started_at: moment from which it counts.
        """
        phase = release.policy.phases[self.phase]
        announce_bake(self.log, release, bake)
        self.defer(
            trigger=BakeTrigger(**self._arguments(release, bake.number, started_at)),
            method_name="execute_complete",
            timeout=timedelta(
                seconds=phase.bake_seconds
                + phase.extension_seconds
                + release.policy.slowest_ingestion_seconds
                + _MARGIN_SECONDS
            ),
        )

    def _arguments(self, release: Release, number: int, started_at: datetime) -> dict[str, Any]:
        return {
            "release_id": release.release_id,
            "phase": self.phase,
            "bake_round": number,
            "started_at": started_at.isoformat(),
            "ledger_conn_id": self.ledger_conn_id,
            "gcp_conn_id": self.gcp_conn_id,
            "promql_conn_id": self.promql_conn_id,
        }


class AskingBakeOperator(BakeOperator, AskingOperator):
    """Base of a bake that asks a person where its verdict is not enough."""

    def call_person(self, context: Context, asked: UndecidedPhase, *, note: str = "") -> NoReturn:
        """Ask a person, and wait for the answer while the metrics stay checked.

        The team is notified of the question once, and the evidence is drawn.

        :param context: Airflow's context of the task.
        :param asked: the question.
        :param note: what comes first in the form.
        """
        left, event = asked.put(context, note=note), f"decision-{self.phase}-{asked.bake.number}"
        message = f"{asked.message}\n{question_link(context)}"
        self.notify_once(context, asked.release, event, asked.subject, message)
        sentence = (
            f"Phase {self.phase} needs a decision within {duration(left.total_seconds())}: {asked.reason}"
        )
        about = {"reason": asked.reason, "seconds": asked.seconds}
        audit(self.log, sentence, release=asked.release.release_id, entry=f"called/{self.phase}", **about)
        keep_drawings(asked.release, self.ledger)
        until = datetime.now(UTC) + left
        began = until - timedelta(seconds=asked.seconds)
        self.defer(
            trigger=AskedBakeTrigger(
                ti_id=str(context["ti"].id),
                options=list(asked.options),
                safe=ROLL_BACK,
                until=until.isoformat(),
                **self._arguments(asked.release, asked.bake.number + 1, began),
            ),
            method_name="on_answer",
            timeout=left + timedelta(seconds=_ANSWER_MARGIN_SECONDS),
        )

    def require_counts(
        self, context: Context, release: Release, bake: Bake, record: Record, given: Answer
    ) -> None:
        """Ask again, with what was wrong in the form, when an answer does not count.

        :param context: Airflow's context of the task.
        :param release: the release of this run.
        :param bake: the round of the bake that asked.
        :param record: everything on record of the release.
        :param given: the answer.
        """
        baked = record.get(PhaseBaked, phase=bake.phase, round=bake.number)
        asked = None if baked is None else question_about(release, bake, baked, self.cloud_run)
        why = None if asked is None else asked.refusal(given)
        if asked is None or why is None or given.person is None:
            return
        note = self.refuse_answer(context, release, self.phase, why, given.person)
        self.call_person(context, asked, note=note)


class BakeSensor(AskingBakeOperator):
    """Bake a phase in the triggerer until the evidence decides or the time is over.

    A frozen phase needs a decision in Airflow's required actions: the stable revision itself has exceeded
    the trigger for so long that a comparison with it proves nothing. *Bake on* starts another bake round,
    with a quarantine of its own; *Roll back*, or no answer within ``decision_timeout_seconds``, rolls back.
    An answer cannot promote: a promotion needs evidence. The same holds for a bake that a change by somebody
    else has ended: *Adopt the change* and *Restore the split* start another round, at the split as it is
    then. Before a gate a promoted phase needs an approval too. The metrics stay checked.
    """

    def execute(self, context: Context) -> str:
        """Record the start of the bake, and defer; after a verdict on record go on from there.

        :param context: Airflow's context of the task.
        :raises ReleaseConflict: when the release is closed, or the phase's traffic was not shifted.
        :raises AirflowSkipException: when there is nothing to compare the new revision with.
        """
        release = self.release(context)
        record = self.ledger.entries(release.release_id)
        shifted, skipped = require_shifted(release, record, self.phase), skipped_bake(release, self.phase)
        if skipped is not None:
            self.record(release, skipped)
            raise AirflowSkipException(skipped.reason)
        bake, answer = current_bake(record, self.phase)
        baked = record.get(PhaseBaked, phase=bake.phase, round=bake.number)
        if baked is None:
            if answer is not None:
                hold_services(release, self.ledger, self.cloud_run, self.lease(release))
            self.bake(release, bake, started_at=(answer or shifted).at)
        return self._after(context, release, bake, baked)

    def execute_complete(self, context: Context, event: dict[str, Any]) -> str:
        """Record the verdict and return it, or ask a person.

        :param context: Airflow's context of the task.
        :param event: the trigger's: the verdict with its evidence.
        """
        release = self.release(context)
        bake, _ = current_bake(self.ledger.entries(release.release_id), self.phase)
        baked = PhaseBaked.model_validate({**event, "phase": bake.phase, "round": bake.number})
        self.record(release, baked)
        return self._after(context, release, bake, baked)

    def on_answer(self, context: Context, event: dict[str, Any]) -> str:
        """Follow the answer and record its author, or the verdict that came before an answer.

        :param context: Airflow's context of the task.
        :param event: the trigger's verdict, or as :func:`slipway.release.asking.answer_of` reads it.
        """
        release = self.release(context)
        record = self.ledger.entries(release.release_id)
        bake, _ = current_bake(record, self.phase)
        if "verdict" in event:
            close(context, ROLL_BACK, self.log)
            self.record(release, closed_by_metrics(bake, datetime.now(UTC)))
            return self.execute_complete(context, event)
        given, answer = answer_of(event), answered(bake, event)
        self.require_counts(context, release, bake, record, given)
        settled = settle(given.option, release, record, bake, self.cloud_run, self.lease(release))
        if settled is not None:
            self.record(release, settled)
            # The evidence is of the new split only from here on.
            answer = answer.model_copy(update={"at": datetime.now(UTC)})
        self.record(release, answer)
        if answer.bake_on:
            hold_services(release, self.ledger, self.cloud_run, self.lease(release))
            self.bake(release, Bake(self.phase, bake.number + 1), started_at=answer.at)
        return given.option

    def _after(self, context: Context, release: Release, bake: Bake, baked: PhaseBaked) -> str:
        answer = self.ledger.get(release.release_id, BakeAnswered, phase=bake.phase, round=bake.number)
        if answer is not None:
            return APPROVE if answer.approved else ROLL_BACK
        if (asked := question_about(release, bake, baked, self.cloud_run)) is not None:
            self.call_person(context, asked)
        if baked.verdict != "rollback":
            # A rollback comes first; its evidence is drawn when the release closes.
            keep_drawings(release, self.ledger)
        return str(baked.verdict)
