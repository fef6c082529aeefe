"""The operator that closes a promoted release with the deployment checklist."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from slipway.analysis.post_deployment import ChecklistLine, LiveState, deployment_checklist
from slipway.operators.base import CloseReleaseOperator
from slipway.paths import INCLUDE
from slipway.release.alert_rules import read_alerts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow.sdk import Context

    from slipway.ledger.ledger import Release


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
        self.record(release, "checklist/deployment", lines=[line.as_payload() for line in lines])
        return reason

    def _checklist(self, release: Release) -> Sequence[ChecklistLine]:
        revisions = {s.names["production"]: s.revisions["production"] for s in release.plan.services.values()}
        return deployment_checklist(
            release.policy,
            {entry.key: entry.payload for entry in self.ledger.entries(release.release_id)},
            {name: self._live(release, name, revision) for name, revision in revisions.items()},
            revisions,
            read_alerts(INCLUDE / release.policy.checklist.alerts.directory),
        )

    def _live(self, release: Release, service: str, revision: str) -> LiveState:
        from slipway.hooks.cloud_run.hook import serving_split
        from slipway.hooks.cloud_run.revision import readiness

        production = release.policy.environments["production"]
        where: dict[str, Any] = {
            "project_id": production.project_id,
            "location": production.location,
            "service": service,
        }
        found = self.cloud_run.get_service(**where)
        state = readiness(self.cloud_run.get_revision(**where, revision=revision), found, revision).state
        split = {name: percent for name, percent in serving_split(found).items() if percent}
        return LiveState(split, state == "ready")
