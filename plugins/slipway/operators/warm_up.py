"""The operator that warms new revisions up before traffic moves to them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowFailException

from slipway.analysis.verdict import Verdict
from slipway.hooks.command.suites import TestRunnerHook
from slipway.ledger.entries import RevisionWarmedUp
from slipway.operators.cloud_run import ServicesOperator
from slipway.policy.release import PhaseName
from slipway.policy.section import stated
from slipway.release.warm_up import check_revision, missing_instances
from slipway.triggers.cloud_run import InstancesReadyTrigger

if TYPE_CHECKING:
    from airflow.sdk import Context

    from slipway.ledger.ledger import Release
    from slipway.ledger.plan import PlannedService
    from slipway.policy.serving import WarmUp


class WarmUpOperator(ServicesOperator):
    """See that new revisions have their instances and work at all, before a phase moves traffic to them.

    The smoke tests of a service talk to the URL of its new revision's tag, over HTTP and WebSocket. What they
    find decides before any user is touched: a failure rolls the release back, and is not tried again.

    :param phase: ``canary``, ``half`` or ``full``.
    :raises AirflowFailException: when a revision is not fit for traffic.
    :raises CommandFailed: when the smoke tests could not be run.
    """

    def __init__(self, *, phase: PhaseName, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.phase = phase

    def absent(self, release: Release) -> str | None:
        """Say why nothing is warmed up."""
        return "the policy asks for no warm-up (warm_up)" if release.policy.warm_up is None else None

    def execute(self, context: Context) -> dict[str, Any]:
        """Return per service the verdict; defer while minimum instances are missing.

        :param context: Airflow's context of the task.
        """
        return self._warm_up(self.release(context), last=False)

    def execute_complete(self, context: Context, event: dict[str, Any]) -> dict[str, Any]:
        """Return per service the verdict; an instance that is still missing is one.

        :param context: Airflow's context of the task.
        :param event: the trigger's, with the state of every revision.
        """
        self.log.info("Minimum instances: %s", event)
        return self._warm_up(self.release(context), last=True)

    def on_kill(self) -> None:
        """Stop the smoke tests."""
        if hasattr(self, "runner"):
            self.runner.stop()

    def _warm_up(self, release: Release, *, last: bool) -> dict[str, Any]:
        rules, chosen = stated(release.policy.warm_up, "warm_up"), self.chosen(release)
        new = {key: service for key, service in chosen.items() if self._recorded(release, key) is None}
        missing = [] if last else missing_instances(release, self.cloud_run, new)
        if missing:
            self.defer_until(InstancesReadyTrigger, missing, seconds=rules.instances_timeout_seconds)
        return {key: self._warmed(release, rules, key, service) for key, service in chosen.items()}

    def _recorded(self, release: Release, key: str) -> RevisionWarmedUp | None:
        return self.ledger.get(release.release_id, RevisionWarmedUp, phase=self.phase, component=key)

    def _warmed(self, release: Release, rules: WarmUp, key: str, service: PlannedService) -> dict[str, Any]:
        self.runner = TestRunnerHook()
        warmed = self._recorded(release, key) or check_revision(
            release, self.phase, rules, key, service, hook=self.cloud_run, runner=self.runner
        )
        # Also where it is on record: the try that recorded it may have died before its line in the log.
        self.record(release, warmed)
        if warmed.verdict is not Verdict.PROMOTE:
            raise AirflowFailException(f"phase {self.phase}: not started: {warmed.reason}")
        return {"verdict": str(warmed.verdict), "reason": warmed.reason}
