"""The operators that end a release: its record, its services, its verdict."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from airflow.sdk.exceptions import AirflowFailException

from slipway.analysis.post_deployment import ChecklistLine, LiveState, deployment_checklist
from slipway.exceptions import ReleaseUnknown, TrafficDrift
from slipway.ledger.audit import audit_entry
from slipway.ledger.entries import (
    DeploymentChecked,
    DeploymentLine,
    DriftFound,
    FlagsRolledBack,
    GateDecided,
    IncidentReported,
    PromotionRolledBack,
    ReleaseClosed,
    ReleaseReconciled,
    ServicesReleased,
    TrafficRestored,
    TrafficRestoredAgain,
)
from slipway.ledger.ledger import Outcome
from slipway.ledger.messages import outcome_message
from slipway.ledger.timeline import outcome_of, rollback_reason, summary_line
from slipway.notifiers.team import notify_refused
from slipway.operators.base import ReleaseOperator
from slipway.operators.unopened import unopened_line
from slipway.paths import INCLUDE
from slipway.release.acts import read_acts
from slipway.release.address import service_address
from slipway.release.drawings import keep_drawings
from slipway.release.ending import leave_services, require_promoted_splits
from slipway.release.incident import incident_of
from slipway.release.monitoring_files import read_alerts
from slipway.release.report.keeping import write_report
from slipway.release.rollback.flags import reason_to_keep_flags, roll_back_flags
from slipway.release.rollback.traffic import restore_stable_traffic
from slipway.release.staging_jobs import cancel_jobs

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence, Set

    from airflow.sdk import Context

    from slipway.ledger.chain import Record
    from slipway.ledger.entries import SplitChange
    from slipway.ledger.ledger import Release
    from slipway.policy.release import Policy


class CloseReleaseOperator(ReleaseOperator):
    """Base of the operators that end a release: each reads what serves first, and only then says so."""

    def close(self, release: Release, outcome: Outcome, reason: str) -> None:
        """Write how the release ended; the first outcome stays."""
        self.ledger.close(release.release_id, outcome=outcome, reason=reason)
        closed = ReleaseClosed(outcome=outcome, reason=reason)
        audit_entry(self.log, release.release_id, closed, repeated=release.outcome is not None)

    def leave(self, release: Release, *, may_serve: bool = False) -> None:
        """Take the tag and the lock off the services, and cancel the tests of staging that still run.

        :param release: the release.
        :param may_serve: whether it was promoted, and is not rolled back.
        :raises ReleaseConflict: when a release that was not promoted has traffic again.
        """
        self.record(
            release, ServicesReleased(services=leave_services(release, self.cloud_run, may_serve=may_serve))
        )
        cancel_jobs(release, self.ledger, self.log, gcp_conn_id=self.gcp_conn_id)

    def record_acts(self, release: Release) -> None:
        """Put on record what people did to the run of a release that was not promoted."""
        if (acts := read_acts(release.run_id)) is not None:
            self.record(release, acts)

    def roll_back(self, release: Release) -> None:
        """Bring a release that was not promoted to its end, from wherever it stands: traffic, flags, record.

        :param release: the release.
        :raises SchemaContractBroken: when what served before cannot run on the present schema.
        :raises ReleaseConflict: when the release has traffic again by then; another try takes it back.
        """
        changes = restore_stable_traffic(release, self.cloud_run, self.ledger, self.ledger.operations)
        # Who did it comes after what is urgent.
        self.record_acts(release)
        record = self.ledger.entries(release.release_id)
        reason = release.reason or rollback_reason(record)
        if record.get(TrafficRestored) is None:
            self.record(release, ReleaseReconciled(reason=reason, changes=changes))
        elif any(change.changed for change in changes.values()):
            self.record_again(release, reason, changes)
        if (
            record.get(FlagsRolledBack, environment="production") is None
            and reason_to_keep_flags(release, self.ledger, "production") is None
        ):
            rolled_back = roll_back_flags(
                release, self.cloud_run, self.ledger, "production", gcp_conn_id=self.gcp_conn_id
            )
            self.record(release, rolled_back)
        if release.outcome is None or record.get(ServicesReleased) is None:
            self.leave(release)
        if release.outcome is None:
            self.close(release, "rolled_back", reason)

    def record_again(self, release: Release, reason: str, changes: Mapping[str, SplitChange]) -> None:
        """Record that traffic was taken back which somebody gave to a rolled-back release, each time anew.

        :param release: the release.
        :param reason: why, in one line.
        :param changes: by service, the change.
        """
        record = self.ledger.entries(release.release_id)
        number = 1 + max((again.round for again in record.of_kind(TrafficRestoredAgain)), default=0)
        self.record(release, TrafficRestoredAgain(reason=reason, changes=changes, round=number))

    def notify_outcome(self, context: Context, release_id: str) -> None:
        """Write the incident; notify the team once of the outcome; draw, report and anchor it.

        :param context: of the running task.
        :param release_id: the release, which is closed.
        """
        release = self.ledger.release(release_id)
        record = _with_incident(self, release)
        said = f"Release {release.version}: {outcome_of(release)}", outcome_message(release, record)
        self.notify_once(context, release, outcome_event(record), *said)
        keep_drawings(release, self.ledger)
        if (written := write_report(release, self.ledger)) is not None:
            self.record(release, written)
        self.ledger.anchor(release_id)


class CloseRolledBackOperator(CloseReleaseOperator):
    """Close a rolled-back release.

    The traffic was restored a task ago: what somebody has given to the release since is taken back, and the
    services are left on the very state that was read. Only then the release is closed.

    :raises ReleaseConflict: when the release has traffic again by then; another try takes it back.
    """

    def execute(self, context: Context) -> str:
        """Return the reason, in one line."""
        release = self.release(context)
        self.record_acts(release)
        reason = rollback_reason(self.ledger.entries(release.release_id))
        changes = restore_stable_traffic(release, self.cloud_run, self.ledger, self.ledger.operations)
        if any(change.changed for change in changes.values()):
            self.record_again(release, reason, changes)
        self.leave(release)
        self.close(release, "rolled_back", reason)
        self.notify_outcome(context, release.release_id)
        return reason


class ClosePromotedOperator(CloseReleaseOperator):
    """Close a promoted release, then write what its deployment checklist shows.

    The outcome is on record before the rest: what cannot be tidied up, or a checklist that cannot be read, is
    no reason to undo a promoted release.

    :raises TrafficDrift: when a service does not serve its new revision alone; the release is not promoted.
    """

    def execute(self, context: Context) -> str:
        """Return the reason, in one line."""
        release = self.release(context)
        if release.outcome is None:
            self._require_promoted(release)
        reason = "every phase was promoted"
        self.close(release, "promoted", reason)
        release = self.release(context)
        self.leave(release, may_serve=True)
        policy = release.policy
        for outlet in self.outlets:
            context["outlet_events"][outlet].extra = {
                "product": policy.name,
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
        self.notify_outcome(context, release.release_id)
        return reason

    def _require_promoted(self, release: Release) -> None:
        try:
            require_promoted_splits(release, self.cloud_run)
        except TrafficDrift as drift:
            self.record(release, DriftFound(phase=self.task_id, service=drift.service, reason=str(drift)))
            raise

    def _checklist(self, release: Release) -> Sequence[ChecklistLine]:
        revisions = {s.names["production"]: s.revisions["production"] for s in release.plan.services.values()}
        return deployment_checklist(
            release.policy,
            self.ledger.get(release.release_id, GateDecided, phase="canary"),
            self.ledger.get(release.release_id, GateDecided, phase="full"),
            {name: self._live(release, name, revision) for name, revision in revisions.items()},
            revisions,
            _alerts(release.policy),
        )

    def _live(self, release: Release, service: str, revision: str) -> LiveState:
        from slipway.hooks.cloud_run.hook import serving_split

        address = service_address(release.policy, service)
        split = serving_split(self.cloud_run.get_service(address))
        return LiveState(split, self.cloud_run.get_readiness(address, revision).state == "ready")


class VerdictOperator(ReleaseOperator):
    """The run's last word: green only for a promoted release, otherwise red with the reason in one line.

    :raises AirflowFailException: when the release was not promoted.
    """

    def execute(self, context: Context) -> str:
        """Return the reason of the promotion."""
        try:
            release = self.release(context)
        except ReleaseUnknown:
            refused = self.ledger.refused.of_run(context["dag_run"].run_id)
            if refused is not None:
                notify_refused(self.ledger, context, refused)
            raise AirflowFailException(unopened_line(context, refused)) from None
        word = summary_line(release, self.ledger.entries(release.release_id))
        if release.outcome != "promoted":
            raise AirflowFailException(word)
        return word


def outcome_event(record: Record) -> str:
    """Name the message of the outcome: one that is rolled back later was announced as promoted.

    :param record: everything on record of the release.
    """
    return "outcome" if record.get(PromotionRolledBack) is None else "promotion_rolled_back"


def _alerts(policy: Policy) -> Set[str]:
    alerts = policy.checklist.alerts
    return frozenset() if alerts is None else read_alerts(INCLUDE / alerts.directory)


def _with_incident(task: CloseReleaseOperator, release: Release) -> Record:
    """Record the incident of a rolled-back release, once; return everything on record."""
    record = task.ledger.entries(release.release_id)
    if release.outcome != "rolled_back" or record.get(IncidentReported) is not None:
        return record
    incident = incident_of(release, record)
    if incident is None:
        return record
    task.record(release, incident)
    return task.ledger.entries(release.release_id)
