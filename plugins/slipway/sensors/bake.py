"""The bake sensor: waits for the verdict on a phase, and asks a person where the evidence cannot give one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NoReturn

from slipway.ledger.audit import audit, duration
from slipway.ledger.bakes import Bake, current_bake
from slipway.ledger.entries import BakeAnswered, PhaseBaked
from slipway.ledger.links import question_link
from slipway.operators.base import ReleaseOperator
from slipway.policy.release import PhaseName
from slipway.release.asking import answer_of
from slipway.release.bake import announce_bake, require_shifted, skipped_bake
from slipway.release.drawings import keep_drawings
from slipway.release.leases import hold_services
from slipway.release.undecided import ROLL_BACK, UndecidedPhase, answered, changed_phase, settle
from slipway.triggers.bake import BakeTrigger

if TYPE_CHECKING:
    from airflow.sdk import Context

    from slipway.ledger.ledger import Release

_MARGIN_SECONDS = 300


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
            trigger=BakeTrigger(
                release_id=release.release_id,
                phase=self.phase,
                bake_round=bake.number,
                started_at=started_at.isoformat(),
                ledger_conn_id=self.ledger_conn_id,
                gcp_conn_id=self.gcp_conn_id,
                promql_conn_id=self.promql_conn_id,
            ),
            method_name="execute_complete",
            timeout=timedelta(
                seconds=phase.bake_seconds
                + phase.extension_seconds
                + release.policy.slowest_ingestion_seconds
                + _MARGIN_SECONDS
            ),
        )

    def call_person(self, context: Context, undecided: UndecidedPhase) -> NoReturn:
        """Put the decision before a person, notify the team of the question once, draw the evidence.

        :param context: Airflow's context of the task.
        :param undecided: the phase.
        """
        waiting, event = undecided.ask(context), f"decision-{self.phase}-{undecided.bake.number}"
        message = f"{undecided.message}\n{question_link(context)}"
        self.notify_once(context, undecided.release, event, undecided.subject, message)
        sentence = (
            f"Phase {self.phase} needs a decision within {duration(undecided.seconds)}: {undecided.reason}"
        )
        about = {"reason": undecided.reason, "seconds": undecided.seconds}
        audit(self.log, sentence, release=undecided.release.release_id, entry=f"called/{self.phase}", **about)
        keep_drawings(undecided.release, self.ledger)
        raise waiting


class BakeSensor(BakeOperator):
    """Bake a phase in the triggerer until the evidence decides or the time is over.

    A frozen phase needs a decision in Airflow's required actions, and the team is notified: the stable
    revision itself has exceeded the trigger for so long that a comparison with it proves nothing. The traffic
    stays.
    *Bake on* starts another bake round, with a quarantine of its own; *Roll back*, or no answer within
    ``decision_timeout_seconds``, rolls back. An answer cannot promote: a promotion needs evidence. The same
    holds for a bake that a change by somebody else has ended: *Adopt the change* and *Restore the split*
    start another round, at the split as it is then.
    """

    def execute(self, context: Context) -> str:
        """Record the start of the bake, and defer; after a verdict on record go on from there.

        :param context: Airflow's context of the task.
        :raises ReleaseConflict: when the release is closed, or the phase's traffic was not shifted.
        """
        release = self.release(context)
        record = self.ledger.entries(release.release_id)
        shifted, skipped = require_shifted(release, record, self.phase), skipped_bake(release, self.phase)
        if skipped is not None:
            self.record(release, skipped)
            return str(skipped.verdict)
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
        """Record the answer and its author, and bake on, with the locks renewed, if that was the answer.

        :param context: Airflow's context of the task.
        :param event: as :func:`slipway.release.asking.answer_of` reads it.
        """
        release = self.release(context)
        bake, _ = current_bake(self.ledger.entries(release.release_id), self.phase)
        answer, record = answered(bake, event), self.ledger.entries(release.release_id)
        option, lease = answer_of(event).option, self.lease(release)
        settled = settle(option, release, record, bake, self.cloud_run, lease)
        if settled is not None:
            self.record(release, settled)
            # The evidence is of the new split only from here on.
            answer = answer.model_copy(update={"at": datetime.now(UTC)})
        self.record(release, answer)
        if answer.bake_on:
            hold_services(release, self.ledger, self.cloud_run, self.lease(release))
            self.bake(release, Bake(self.phase, bake.number + 1), started_at=answer.at)
        return ROLL_BACK

    def _after(self, context: Context, release: Release, bake: Bake, baked: PhaseBaked) -> str:
        answer = self.ledger.get(release.release_id, BakeAnswered, phase=bake.phase, round=bake.number)
        if answer is not None:
            return ROLL_BACK
        if (changed := changed_phase(release, bake, baked, self.cloud_run)) is not None:
            self.call_person(context, changed)
        if baked.needs_a_person:
            self.call_person(context, UndecidedPhase(release, bake, baked.reason))
        if baked.verdict != "rollback":
            # A rollback comes first; its evidence is drawn when the release closes.
            keep_drawings(release, self.ledger)
        return str(baked.verdict)
