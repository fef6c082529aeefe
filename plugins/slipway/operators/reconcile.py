"""The teardown of a release: whatever was done to its run, nothing of the release is left half done."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowFailException

from slipway.exceptions import ReleaseUnknown
from slipway.ledger.audit import audit
from slipway.ledger.entries import ServicesReleased
from slipway.ledger.timeline import outcome_of, summary_line
from slipway.operators.closing import CloseReleaseOperator
from slipway.operators.unopened import unopened_line

if TYPE_CHECKING:
    from airflow.sdk import Context

#: States of the verdict task with which it makes a run red, or will.
_RED_OR_TO_COME = (None, "scheduled", "queued", "running", "up_for_retry", "restarting", "failed")


class ReconcileReleaseOperator(CloseReleaseOperator):
    """Leave nothing half done: a release that is still open is rolled back, closed, and its services left.

    Runs as a teardown, so also when a person marks the run as failed or as successful. It trusts the ledger
    and the live services alone: of a release that is rolled back, traffic that somebody gave to it since is
    taken back. Where a person has kept the verdict from running, this task makes the run red.

    :param verdict: id of the task that gives the verdict.
    :raises SchemaContractBroken: when what served before cannot run on the present schema; the release stays
        open then, and its services locked.
    :raises ReleaseConflict: when a release that is rolled back has traffic again; another try takes it back.
    :raises AirflowFailException: when the release was not promoted, and the verdict does not say so.
    """

    def __init__(self, *, verdict: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.verdict = verdict

    def execute(self, context: Context) -> str:
        """Return how the release ended."""
        try:
            release = self.release(context)
        except ReleaseUnknown:
            audit(self.log, "Nothing to reconcile: this run opened no release", entry="reconciled")
            refused = self.ledger.refused.of_run(context["dag_run"].run_id)
            self._require_red(context, unopened_line(context, refused))
            return "never opened"
        if release.outcome != "promoted":
            self.roll_back(release)
            self.notify_outcome(context, release.release_id)
            self._require_red(context, self._summary(context))
        elif self.ledger.get(release.release_id, ServicesReleased) is None:
            self.leave(release, may_serve=True)
        outcome = outcome_of(self.release(context))
        sentence = f"Release {release.version} is {outcome}; nothing is left half done"
        audit(self.log, sentence, release=release.release_id, entry="reconciled", outcome=outcome)
        return outcome

    def _summary(self, context: Context) -> str:
        release = self.release(context)
        return summary_line(release, self.ledger.entries(release.release_id))

    def _require_red(self, context: Context, summary: str) -> None:
        run = context["dag_run"].run_id
        states = context["ti"].get_task_states(context["dag"].dag_id, task_ids=[self.verdict], run_ids=[run])
        state = states.get(run, {}).get(self.verdict)
        if state not in _RED_OR_TO_COME:
            raise AirflowFailException(f"{summary}; a person ended the run before its verdict ({state})")
