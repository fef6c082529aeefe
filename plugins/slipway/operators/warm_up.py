"""The operator that warms new revisions up before traffic moves to them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowFailException

from slipway.analysis.verdict import Verdict
from slipway.hooks.command.suites import TestRunnerHook
from slipway.hooks.deadline import Deadline
from slipway.ledger.entries import RevisionWarmedUp
from slipway.operators.deploy import ServicesOperator
from slipway.paths import INCLUDE
from slipway.policy.release import PhaseName
from slipway.policy.serving import WarmUp
from slipway.release.address import service_address

if TYPE_CHECKING:
    from airflow.sdk import Context

    from slipway.ledger.ledger import Release
    from slipway.ledger.plan import PlannedService

POLL_SECONDS = 1.0


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

    def execute(self, context: Context) -> dict[str, Any]:
        """Return per service the verdict with what was seen."""
        release = self.release(context)
        rules = release.policy.warm_up
        if rules is None:
            return {"verdict": "promote", "reason": "the policy asks for no warm-up"}
        return {
            key: self._warmed(release, rules, key, service) for key, service in self.chosen(release).items()
        }

    def on_kill(self) -> None:
        """Stop the smoke tests."""
        if hasattr(self, "runner"):
            self.runner.stop()

    def _warmed(self, release: Release, rules: WarmUp, key: str, service: PlannedService) -> dict[str, Any]:
        recorded = self.ledger.get(release.release_id, RevisionWarmedUp, phase=self.phase, component=key)
        warmed = recorded or self._check(release, rules, key, service)
        # Also where it is on record: the try that recorded it may have died before its line in the log.
        self.record(release, warmed)
        if warmed.verdict is not Verdict.PROMOTE:
            raise AirflowFailException(f"phase {self.phase}: not started: {warmed.reason}")
        return {"verdict": str(warmed.verdict), "reason": warmed.reason}

    def _check(self, release: Release, rules: WarmUp, key: str, service: PlannedService) -> RevisionWarmedUp:
        about = {"phase": self.phase, "component": key, "service": service.names["production"]}
        wanted = release.policy.services[key].min_instances
        instances = self._instances(release, service, wanted, rules.instances_timeout_seconds)
        if instances is not None and instances < wanted:
            reason = f"minimum instances missing: {key} has {instances} of {wanted}"
            return RevisionWarmedUp(**about, verdict=Verdict.ROLLBACK, reason=reason, instances=instances)
        self.runner = TestRunnerHook()
        result = self.runner.run(
            INCLUDE / rules.suite,
            file=f"test_{key}.py",
            environment=self._environment(release),
            timeout_seconds=rules.suite_timeout_seconds,
        )
        failed = ", ".join(result.failed)
        return RevisionWarmedUp(
            **about,
            verdict=Verdict.ROLLBACK if result.failed else Verdict.PROMOTE,
            reason=f"smoke tests failed: {failed}" if failed else f"{result.passed} smoke tests passed",
            instances=instances,
            tests=result.tests,
            passed=result.passed,
            failed=tuple(result.failed),
        )

    def _instances(
        self, release: Release, service: PlannedService, wanted: int, seconds: float
    ) -> int | None:
        """Wait for the minimum instances of a new revision.

        :return: those that are ready; None when Cloud Run does not report them.
        """
        deadline = Deadline(seconds)
        while True:
            ready = self._ready(release, service)
            if ready is None or ready >= wanted or deadline.passed:
                return ready
            deadline.pause(POLL_SECONDS)

    def _ready(self, release: Release, service: PlannedService) -> int | None:
        revision = self.cloud_run.get_revision(
            self.address(release, service), service.revisions["production"]
        )
        return (
            int(revision.scaling_status.desired_min_instance_count) if "scaling_status" in revision else None
        )

    def _environment(self, release: Release) -> dict[str, str]:
        """Return what the smoke tests are told: the services' URLs and expected revisions, and who calls."""
        from slipway.hooks.cloud_run.hook import revision_uri
        from slipway.hooks.google.identity_token import IdentityToken

        production, told = release.policy.environments["production"], {}
        identity = IdentityToken(self.gcp_conn_id)
        for key, definition in release.policy.services.items():
            live = self.cloud_run.get_service(service_address(release.policy, definition.names["production"]))
            planned = release.plan.services.get(key)
            told[f"{key.upper()}_URL"] = live.uri if planned is None else revision_uri(live, production.tag)
            if planned is not None:
                told[f"{key.upper()}_REVISION"] = planned.revisions["production"]
            token = identity.for_service(live.uri) if definition.requires_identity else None
            if token is not None:
                told[f"{key.upper()}_IDENTITY_TOKEN"] = token
        return told
