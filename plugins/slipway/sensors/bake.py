"""The bake sensor: waits for the verdict on a phase, and asks a person where the evidence cannot give one."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, NoReturn

from slipway.analysis.verdict import Verdict
from slipway.exceptions import ReleaseConflict
from slipway.ledger.audit import audit, duration
from slipway.ledger.bakes import Bake, current_bake
from slipway.ledger.entries import BakeAnswered, Person, PhaseBaked, TrafficShifted
from slipway.notifiers.team import notify_team
from slipway.operators.base import ReleaseOperator
from slipway.policy.release import PhaseName
from slipway.release.asking import answer_of, ask, stands
from slipway.release.drift import stable_revision
from slipway.release.leases import hold_services
from slipway.triggers.bake import BakeTrigger

if TYPE_CHECKING:
    from airflow.sdk import Context

    from slipway.ledger.ledger import Release

WATCH_ON = "Bake on"
ROLL_BACK = "Roll back"
_MARGIN_SECONDS = 300


class BakeSensor(ReleaseOperator):
    """Bake a phase in the triggerer until the evidence decides or the time is over.

    A frozen phase needs a decision in Airflow's required actions, and the team is notified: the stable
    revision itself has exceeded the trigger for so long that a comparison with it proves nothing. The traffic
    stays.
    *Bake on* starts another bake round, with a quarantine of its own; *Roll back*, or no answer within
    ``decision_timeout_seconds``, rolls back. An answer cannot promote: a promotion needs evidence.

    :param phase: ``canary``, ``half`` or ``full``.
    :param promql_conn_id: connection to the PromQL API.
    :raises ReleaseConflict: when the release is closed, or the phase's traffic was not shifted.
    """

    def __init__(self, *, phase: PhaseName, promql_conn_id: str = "slipway_promql", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.phase = phase
        self.promql_conn_id = promql_conn_id

    def execute(self, context: Context) -> str | None:
        """Record the start of the bake, and defer; after a verdict on record go on from there."""
        release = self.release(context)
        if release.outcome is not None:
            raise ReleaseConflict(
                f"release {release.release_id}: already {release.outcome}; there is nothing to bake"
            )
        record = self.ledger.entries(release.release_id)
        shifted = record.get(TrafficShifted, phase=self.phase)
        if shifted is None:
            raise ReleaseConflict(
                f"release {release.release_id}: no traffic shift of phase {self.phase} on record; "
                "nothing to bake"
            )
        phase = release.policy.phases[self.phase]
        if phase.traffic_percent < 100 and stable_revision(release, release.plan.progressive) is None:
            self._skip(release)
            return None
        bake, answer = current_bake(record, self.phase)
        baked = record.get(PhaseBaked, phase=bake.phase, round=bake.number)
        if baked is not None:
            return self._after(context, release, bake, baked)
        if answer is not None:
            hold_services(release, self.ledger, self.cloud_run, self.lease(release))
        self._bake(release, bake, started_at=(answer or shifted).at)
        return None

    def execute_complete(self, context: Context, event: dict[str, Any]) -> str:
        """Record the verdict and return it, or ask a person."""
        release = self.release(context)
        bake, _ = current_bake(self.ledger.entries(release.release_id), self.phase)
        baked = PhaseBaked.model_validate({**event, "phase": bake.phase, "round": bake.number})
        self.record(release, baked)
        return self._after(context, release, bake, baked)

    def on_answer(self, context: Context, event: dict[str, Any]) -> str:
        """Record the answer and its author, and bake on, with the locks renewed, if that was the answer.

        :param event: as :func:`slipway.release.asking.answer_of` reads it.
        """
        release = self.release(context)
        bake, _ = current_bake(self.ledger.entries(release.release_id), self.phase)
        answer = answer_of(event)
        user = answer.user
        answered = BakeAnswered(
            phase=bake.phase,
            round=bake.number,
            reason=str(answer),
            user=None if user is None else Person(id=user["id"], name=user["name"]),
            bake_on=answer.option == WATCH_ON,
            at=answer.at,
        )
        self.record(release, answered)
        if answered.bake_on:
            hold_services(release, self.ledger, self.cloud_run, self.lease(release))
            self._bake(release, Bake(self.phase, bake.number + 1), started_at=answered.at)
        return answer.option

    def _bake(self, release: Release, bake: Bake, *, started_at: datetime) -> None:
        phase = release.policy.phases[self.phase]
        audit(
            self.log,
            f"Bake of {bake.title} at {phase.traffic_percent} % runs for {duration(phase.bake_seconds)},"
            f" at most {duration(phase.bake_seconds + phase.extension_seconds)}",
            release=release.release_id,
            entry=f"baking/{self.phase}",
            round=bake.number,
            traffic_percent=phase.traffic_percent,
            bake_seconds=phase.bake_seconds,
            extension_seconds=phase.extension_seconds,
            metrics=list(release.policy.metrics),
        )
        self.defer(
            trigger=BakeTrigger(
                release_id=release.release_id,
                phase=self.phase,
                watch=bake.number,
                started_at=started_at.isoformat(),
                ledger_conn_id=self.ledger_conn_id,
                gcp_conn_id=self.gcp_conn_id,
                promql_conn_id=self.promql_conn_id,
            ),
            method_name="execute_complete",
            timeout=timedelta(seconds=phase.bake_seconds + phase.extension_seconds + _MARGIN_SECONDS),
        )

    def _after(self, context: Context, release: Release, bake: Bake, baked: PhaseBaked) -> str:
        answered = self.ledger.get(release.release_id, BakeAnswered, phase=bake.phase, round=bake.number)
        if answered is not None:
            return ROLL_BACK
        if baked.needs_a_person:
            self._call_person(context, release, bake, baked.reason)
        return str(baked.verdict)

    def _call_person(self, context: Context, release: Release, bake: Bake, reason: str) -> NoReturn:
        seconds = release.policy.decision.decision_timeout_seconds
        question = BakeAnswered.key_of(phase=bake.phase, round=bake.number)
        standing = stands(context, question)
        waiting = ask(
            context,
            question,
            subject=f"Release {release.version}: the {self.phase} phase needs a decision",
            body=f"{reason}.\n\nThe traffic stays as it is. **{WATCH_ON}** starts another bake round of "
            f"the phase; **{ROLL_BACK}** restores the stable revisions. Without an answer within "
            f"{seconds / 60:g} minutes the release is rolled back.",
            options=(WATCH_ON, ROLL_BACK),
            safe=ROLL_BACK,
            seconds=seconds,
        )
        audit(
            self.log,
            f"Phase {self.phase} needs a decision within {duration(seconds)}: {reason}",
            release=release.release_id,
            entry=f"called/{self.phase}",
            reason=reason,
            seconds=seconds,
            team="notified when the question was put" if standing else self._notify(context, release, reason),
        )
        raise waiting

    def _notify(self, context: Context, release: Release, reason: str) -> str:
        """Return how the team was notified, or why not: the question stands in Airflow either way."""
        subject = f"Release {release.version}: the {self.phase} phase needs a decision"
        message = f"{subject}.\n{reason}.\nAnswer under Required Actions: {WATCH_ON}, or {ROLL_BACK}."
        error = notify_team(context, release, f"called/{self.phase}", subject, message)
        connection = release.policy.checklist.notification.connection
        return f"notified via {connection}" if error is None else f"not notified: {error}"

    def _skip(self, release: Release) -> None:
        """Promote a phase without a bake: without a stable revision there is no traffic to split."""
        self.record(
            release,
            PhaseBaked(
                phase=self.phase,
                verdict=Verdict.PROMOTE,
                reason="skipped: first release of the service, its new revision has all the traffic already"
                " and is judged in the last phase",
            ),
        )
