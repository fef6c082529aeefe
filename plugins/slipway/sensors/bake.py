"""The bake sensor: waits for the verdict on a phase, and asks a person where the evidence cannot give one."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from slipway.exceptions import ReleaseConflict
from slipway.ledger.bakes import Bake, current_bake
from slipway.notifiers.team import notify_team
from slipway.operators.base import ReleaseOperator
from slipway.policy.release import PhaseName
from slipway.release.asking import answer_of, ask
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

    def execute(self, context: Context) -> None:
        """Record the start of the bake, and defer."""
        release = self.release(context)
        if release.outcome is not None:
            raise ReleaseConflict(
                f"release {release.release_id}: already {release.outcome}; there is nothing to bake"
            )
        shifted = self.ledger.entry(release.release_id, f"shifted/{self.phase}")
        if shifted is None:
            raise ReleaseConflict(
                f"release {release.release_id}: no traffic shift of phase {self.phase} on record; "
                "nothing to bake"
            )
        phase = release.policy.phases[self.phase]
        if phase.traffic_percent < 100 and stable_revision(release, release.plan.progressive) is None:
            self._skip(release)
            return
        watch, answer = current_bake(self.ledger, release.release_id, self.phase)
        self._watch(release, watch, started_at=str((answer or shifted)["at"]))

    def execute_complete(self, context: Context, event: dict[str, Any]) -> str:
        """Record the verdict and return it, or ask a person."""
        release = self.release(context)
        watch, _ = current_bake(self.ledger, release.release_id, self.phase)
        self.record(release, watch.verdict_key, **event)
        if event["needs_a_person"]:
            self._call_person(context, release, event["reason"])
        return str(event["verdict"])

    def on_answer(self, context: Context, event: dict[str, Any]) -> str:
        """Record the answer and its author, and bake on, with the locks renewed, if that was the answer.

        :param event: as :func:`slipway.release.asking.answer_of` reads it.
        """
        release = self.release(context)
        watch, _ = current_bake(self.ledger, release.release_id, self.phase)
        answer = answer_of(event)
        at, watch_on = answer.at.isoformat(), answer.option == WATCH_ON
        self.record(release, watch.answer_key, reason=str(answer), user=answer.user, watch_on=watch_on, at=at)
        if watch_on:
            hold_services(release, self.ledger, self.cloud_run, self.lease(release))
            self._watch(release, Bake(self.phase, watch.number + 1), started_at=at)
        return answer.option

    def _watch(self, release: Release, watch: Bake, *, started_at: str) -> None:
        phase = release.policy.phases[self.phase]
        self.log.info(
            "audit",
            release=release.release_id,
            entry=f"watching/{self.phase}",
            watch=watch.number,
            traffic_percent=phase.traffic_percent,
            bake_seconds=phase.bake_seconds,
            extension_seconds=phase.extension_seconds,
            metrics=list(release.policy.metrics),
        )
        self.defer(
            trigger=BakeTrigger(
                release_id=release.release_id,
                phase=self.phase,
                watch=watch.number,
                started_at=started_at,
                ledger_conn_id=self.ledger_conn_id,
                gcp_conn_id=self.gcp_conn_id,
                promql_conn_id=self.promql_conn_id,
            ),
            method_name="execute_complete",
            timeout=timedelta(seconds=phase.bake_seconds + phase.extension_seconds + _MARGIN_SECONDS),
        )

    def _call_person(self, context: Context, release: Release, reason: str) -> None:
        seconds = release.policy.decision.decision_timeout_seconds
        waiting = ask(
            context,
            subject=f"Release {release.version}: the {self.phase} phase needs a decision",
            body=f"{reason}.\n\nThe traffic stays as it is. **{WATCH_ON}** starts another bake round of "
            f"the phase; **{ROLL_BACK}** restores the stable revisions. Without an answer within "
            f"{seconds / 60:g} minutes the release is rolled back.",
            options=(WATCH_ON, ROLL_BACK),
            safe=ROLL_BACK,
            seconds=seconds,
        )
        self.log.info(
            "audit",
            release=release.release_id,
            entry=f"called/{self.phase}",
            reason=reason,
            seconds=seconds,
            team=self._notify(context, release, reason),
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
            f"baked/{self.phase}",
            verdict="promote",
            reason="skipped: first release of the service, its new revision has all the traffic already and"
            " is judged in the last phase",
            findings=[],
        )
