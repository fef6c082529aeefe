"""What every operator of a release has in common, and the operators that close one.

Operators import hooks when they run, not when a DAG file is parsed: client libraries take seconds to load.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from slipway.exceptions import ReleaseUnknown
from slipway.ledger.ledger import LEDGER_CONNECTION, Ledger, Release
from slipway.ledger.outcome import outcome_of, rollback_reason, summary_line
from slipway.ledger.plan import release_id
from slipway.policy.release import EnvironmentName
from slipway.release.rollback.traffic import leave_services, restore_stable_traffic

if TYPE_CHECKING:
    from airflow.sdk import Context

    from slipway.hooks.cloud_run.hook import CloudRunTrafficHook, Lease


class ReleaseOperator(BaseOperator):
    """Base of the operators that work on the release of their own run.

    :param ledger_conn_id: connection to the ledger's database.
    :param gcp_conn_id: connection to Google Cloud.
    """

    def __init__(
        self,
        *,
        ledger_conn_id: str = LEDGER_CONNECTION,
        gcp_conn_id: str = "google_cloud_default",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.ledger_conn_id = ledger_conn_id
        self.gcp_conn_id = gcp_conn_id

    @cached_property
    def ledger(self) -> Ledger:
        """The record of releases."""
        return Ledger(self.ledger_conn_id)

    @cached_property
    def cloud_run(self) -> CloudRunTrafficHook:
        """The door to Cloud Run."""
        from slipway.hooks.cloud_run.hook import CloudRunTrafficHook

        return CloudRunTrafficHook(gcp_conn_id=self.gcp_conn_id)

    def release_id(self, context: Context) -> str:
        """Name the release of this run."""
        return release_id(context["params"]["version"], context["dag_run"].run_id)

    def release(self, context: Context) -> Release:
        """Read the release of this run.

        :raises ReleaseUnknown: when this run opened none.
        """
        return self.ledger.release(self.release_id(context))

    def release_or_skip(self, context: Context) -> Release:
        """Read the release of this run, for a task that has nothing to do without one.

        :raises AirflowSkipException: when this run opened none.
        """
        try:
            return self.release(context)
        except ReleaseUnknown as error:
            raise AirflowSkipException(str(error)) from error

    def lease(self, release: Release) -> Lease:
        """Return the release's right to change its services, for the policy's time from now."""
        from slipway.hooks.cloud_run.hook import Lease

        until = datetime.now(UTC) + timedelta(seconds=release.policy.lease_seconds)
        return Lease(release.release_id, release.run_id, until)

    def record(self, release: Release, key: str, **payload: Any) -> None:
        """Write what was done to the ledger and, as one structured line, to the task log.

        :param key: what happened, unique in the release; done again it is not written again.
        :param payload: who, what, from, to, evidence; never a secret.
        """
        written = self.ledger.append(release.release_id, key, {"task": self.task_id, **payload})
        self.log.info("audit", release=release.release_id, entry=key, repeated=not written, **payload)


class EnvironmentOperator(ReleaseOperator):
    """Base of the operators that work on one environment of the release.

    :param environment: ``staging`` or ``production``.
    """

    def __init__(self, *, environment: EnvironmentName, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.environment = environment


class CloseReleaseOperator(ReleaseOperator):
    """Write how the release ended and leave its services: without its tag, free for the next release.

    The record comes first: what cannot be tidied up is no reason to undo a promoted release.

    :param outcome: ``promoted`` or ``rolled_back``.
    """

    def __init__(self, *, outcome: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.outcome = outcome

    def execute(self, context: Context) -> str:
        """Return the reason, in one line."""
        release = self.release(context)
        entries = self.ledger.entries(release.release_id)
        reason = rollback_reason(entries) if self.outcome == "rolled_back" else "every phase was promoted"
        self.ledger.close(release.release_id, outcome=self.outcome, reason=reason)
        self.log.info(
            "audit", release=release.release_id, entry="closed", outcome=self.outcome, reason=reason
        )
        self.record(release, "left/production", services=leave_services(release, self.cloud_run))
        return reason


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
            self.log.info("audit", entry="reconciled", outcome="never opened")
            return "never opened"
        if release.outcome is None:
            changes = restore_stable_traffic(release, self.cloud_run, self.ledger, self.ledger)
            reason = rollback_reason(self.ledger.entries(release.release_id))
            self.record(release, "rolled_back/reconciled", reason=reason, changes=changes)
            self.ledger.close(release.release_id, outcome="rolled_back", reason=reason)
        if self.ledger.entry(release.release_id, "left/production") is None:
            self.record(release, "left/production", services=leave_services(release, self.cloud_run))
        outcome = outcome_of(self.release(context))
        self.log.info("audit", release=release.release_id, entry="reconciled", outcome=outcome)
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
