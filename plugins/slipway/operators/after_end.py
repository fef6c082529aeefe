"""What the watchdog asks the metrics about releases that have ended."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from slipway.exceptions import MetricsUnavailable
from slipway.ledger.plan import ROLLBACK_DAG
from slipway.operators.closing import CloseReleaseOperator
from slipway.operators.trigger_run import trigger_run
from slipway.release.health import due_check, verify_health
from slipway.release.late_regression import due_window, find_late_regression, rollback_left

if TYPE_CHECKING:
    from airflow.sdk import Context

    from slipway.ledger.ledger import Release


class AfterEndOperator(CloseReleaseOperator):
    """Base of the operators that judge what serves after a release, by the metrics of its policy.

    :param promql_conn_id: connection to the PromQL API.
    """

    def __init__(self, *, promql_conn_id: str = "slipway_promql", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.promql_conn_id = promql_conn_id
        #: Promoted releases that their policy orders to be rolled back, with the reason.
        self._regressed: dict[str, str] = {}

    def verify_health(self, context: Context, release: Release) -> list[str]:
        """Check what serves again after a rollback, once."""
        check = due_check(release, self.ledger.entries(release.release_id), now=datetime.now(UTC))
        if check is None:
            return []
        try:
            verified = verify_health(release, check, conn_id=self.promql_conn_id)
        except MetricsUnavailable as error:
            self.log.warning("The health of %s is verified by a later run: %s", check.revision, error)
            return []
        self.record(release, verified)
        if not verified.healthy:
            subject = f"Release {release.version} is rolled back, and what serves again may not be healthy"
            self.notify_once(context, release, "health", subject, verified.sentence)
        return [f"release {release.release_id}: {verified.sentence}"]

    def monitor(self, context: Context, release: Release) -> list[str]:
        """Check what a promoted release serves, until it got worse or its time is over."""
        record = self.ledger.entries(release.release_id)
        ordered = rollback_left(release, record, now=datetime.now(UTC))
        if ordered is not None:
            self._regressed[release.release_id] = ordered.reason
            return []
        window = due_window(release, record, self.cloud_run, now=datetime.now(UTC))
        if window is None:
            return []
        try:
            found = find_late_regression(release, window, conn_id=self.promql_conn_id)
        except MetricsUnavailable as error:
            self.log.warning("%s is monitored by a later run: %s", window.revision, error)
            return []
        if found is None:
            return []
        self.record(release, found)
        subject = f"Release {release.version} is promoted, and has got worse"
        self.notify_once(context, release, "late_regression", subject, found.sentence)
        if found.action == "roll_back":
            self._regressed[release.release_id] = found.reason
        return [f"release {release.release_id}: {found.sentence}"]

    def roll_back_regressed(self) -> None:
        """End the task by starting the rollback of a promoted release that got worse, where there is one.

        It is the last step: what is left is started by the next run, by the same name.
        """
        for release_id, reason in self._regressed.items():
            conf = {"release": release_id, "tier": "traffic", "reason": reason}
            trigger_run(ROLLBACK_DAG, f"late-regression-{release_id}", conf)
