"""The operators that end a release: its record, its services, its verdict."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowFailException

from slipway.analysis.post_deployment import ChecklistLine, LiveState, deployment_checklist
from slipway.exceptions import ReleaseUnknown
from slipway.ledger.audit import audit, audit_entry
from slipway.ledger.entries import (
    DeploymentChecked,
    DeploymentLine,
    GateDecided,
    ReleaseClosed,
    ReleaseReconciled,
    ServicesReleased,
)
from slipway.ledger.ledger import Outcome
from slipway.ledger.timeline import outcome_of, rollback_reason, summary_line
from slipway.operators.base import ReleaseOperator
from slipway.paths import INCLUDE
from slipway.release.address import service_address
from slipway.release.monitoring_files import read_alerts
from slipway.release.rollback.traffic import leave_services, restore_stable_traffic

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow.sdk import Context

    from slipway.ledger.ledger import Release


class CloseReleaseOperator(ReleaseOperator):
    """Write how the release ended and leave its services: without its tag, free for the next release.

    The record comes first: what cannot be tidied up is no reason to undo a promoted release.

    :param outcome: ``promoted`` or ``rolled_back``.
    """

    def __init__(self, *, outcome: Outcome, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.outcome = outcome

    def execute(self, context: Context) -> str:
        """Return the reason, in one line."""
        release = self.release(context)
        entries = self.ledger.entries(release.release_id)
        reason = rollback_reason(entries) if self.outcome == "rolled_back" else "every phase was promoted"
        self.ledger.close(release.release_id, outcome=self.outcome, reason=reason)
        closed = ReleaseClosed(outcome=self.outcome, reason=reason)
        audit_entry(self.log, release.release_id, closed, repeated=release.outcome is not None)
        self.record(release, ServicesReleased(services=leave_services(release, self.cloud_run)))
        return reason


class ClosePromotedOperator(CloseReleaseOperator):
    """Write that the release was promoted, then what its deployment checklist shows.

    In this order: a checklist that cannot be read must not keep a promoted release open, which would be
    rolled back.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(outcome="promoted", **kwargs)

    def execute(self, context: Context) -> str:
        """Return the reason, in one line."""
        reason = super().execute(context)
        release = self.release(context)
        policy = release.policy
        for outlet in self.outlets:
            context["outlet_events"][outlet].extra = {
                "release": release.release_id,
                "version": release.version,
                "region": policy.region,
                "last": policy.region_after is None,
            }
        lines = self._checklist(release)
        self.log.info("deployment checklist:\n%s", "\n".join(map(str, lines)))
        self.record(
            release,
            DeploymentChecked(lines=tuple(DeploymentLine.model_validate(asdict(line)) for line in lines)),
        )
        return reason

    def _checklist(self, release: Release) -> Sequence[ChecklistLine]:
        revisions = {s.names["production"]: s.revisions["production"] for s in release.plan.services.values()}
        return deployment_checklist(
            release.policy,
            self.ledger.get(release.release_id, GateDecided, phase="canary"),
            self.ledger.get(release.release_id, GateDecided, phase="full"),
            {name: self._live(release, name, revision) for name, revision in revisions.items()},
            revisions,
            read_alerts(INCLUDE / release.policy.checklist.alerts.directory),
        )

    def _live(self, release: Release, service: str, revision: str) -> LiveState:
        from slipway.hooks.cloud_run.hook import serving_split

        address = service_address(release.policy, service)
        split = serving_split(self.cloud_run.get_service(address))
        return LiveState(split, self.cloud_run.get_readiness(address, revision).state == "ready")


class ReconcileReleaseOperator(ReleaseOperator):
    """Leave nothing half done: a release that is still open is rolled back, closed, and its services left.

    Runs as a teardown, so also when a person marks the run as failed. It trusts the ledger alone.

    :raises SchemaContractBroken: when what served before cannot run on the present schema; the release stays
        open then, and its services held.
    """

    def execute(self, context: Context) -> str:
        """Return how the release ended."""
        try:
            release = self.release(context)
        except ReleaseUnknown:
            audit(self.log, "Nothing to reconcile: this run opened no release", entry="reconciled")
            return "never opened"
        if release.outcome is None:
            changes = restore_stable_traffic(release, self.cloud_run, self.ledger, self.ledger.operations)
            reason = rollback_reason(self.ledger.entries(release.release_id))
            self.record(release, ReleaseReconciled(reason=reason, changes=changes))
            self.ledger.close(release.release_id, outcome="rolled_back", reason=reason)
        if self.ledger.get(release.release_id, ServicesReleased) is None:
            self.record(release, ServicesReleased(services=leave_services(release, self.cloud_run)))
        outcome = outcome_of(self.release(context))
        sentence = f"Release {release.version} is {outcome}; nothing is left half done"
        audit(self.log, sentence, release=release.release_id, entry="reconciled", outcome=outcome)
        return outcome


class VerdictOperator(ReleaseOperator):
    """The run's last word: green only for a promoted release, otherwise red with the reason in one line.

    :raises AirflowFailException: when the release was not promoted.
    """

    def execute(self, context: Context) -> str:
        """Return the reason of the promotion."""
        try:
            release = self.release(context)
        except ReleaseUnknown as error:
            raise AirflowFailException(f"release refused: {error}; see the preflight tasks") from None
        word = summary_line(release, self.ledger.entries(release.release_id))
        if release.outcome != "promoted":
            raise AirflowFailException(word)
        return word
