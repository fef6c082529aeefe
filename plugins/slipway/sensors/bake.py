"""The bake sensor: waits for a phase's verdict."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from slipway.drift import stable_revision
from slipway.exceptions import ReleaseConflict
from slipway.operators.release import ReleaseOperator
from slipway.policy import PhaseName
from slipway.triggers.bake import BakeTrigger

if TYPE_CHECKING:
    from airflow.sdk import Context

    from slipway.ledger import Release

_MARGIN_SECONDS = 300


class BakeSensor(ReleaseOperator):
    """Watch a phase in the triggerer until the evidence decides or the time is over.

    :param phase: ``canary``, ``half`` or ``full``.
    :param promql_conn_id: connection to the PromQL API.
    """

    def __init__(self, *, phase: PhaseName, promql_conn_id: str = "slipway_promql", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.phase = phase
        self.promql_conn_id = promql_conn_id

    def execute(self, context: Context) -> None:
        """Say what is watched, and defer."""
        release = self.release(context)
        if release.outcome is not None:
            raise ReleaseConflict(
                f"release {release.release_id}: already {release.outcome}; nothing to watch"
            )
        shifted = self.ledger.entry(release.release_id, f"shifted/{self.phase}")
        if shifted is None:
            raise ReleaseConflict(
                f"release {release.release_id}: no traffic shift of phase {self.phase} on record; "
                "nothing to watch"
            )
        phase = release.policy.phases[self.phase]
        if phase.traffic_percent < 100 and stable_revision(release, release.plan.progressive) is None:
            self._skip(release)
            return
        self.log.info(
            "audit",
            release=release.release_id,
            entry=f"watching/{self.phase}",
            traffic_percent=phase.traffic_percent,
            bake_seconds=phase.bake_seconds,
            extension_seconds=phase.extension_seconds,
            metrics=list(release.policy.metrics),
        )
        self.defer(
            trigger=BakeTrigger(
                release_id=release.release_id,
                phase=self.phase,
                started_at=shifted["at"],
                ledger_conn_id=self.ledger_conn_id,
                gcp_conn_id=self.gcp_conn_id,
                promql_conn_id=self.promql_conn_id,
            ),
            method_name="execute_complete",
            timeout=timedelta(seconds=phase.bake_seconds + phase.extension_seconds + _MARGIN_SECONDS),
        )

    def _skip(self, release: Release) -> None:
        """Promote a phase that has nothing to watch: without a stable there is no share to give."""
        self.record(
            release,
            f"baked/{self.phase}",
            verdict="promote",
            reason="skipped: first release of the service, its new revision has all the traffic already and"
            " is judged in the last phase",
            findings=[],
        )

    def execute_complete(self, context: Context, event: dict[str, Any]) -> str:
        """Record the verdict and return it."""
        release = self.release(context)
        self.record(release, f"baked/{self.phase}", **event)
        return str(event["verdict"])
