"""The operator that rehearses a rollback where nobody is hurt."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from slipway.exceptions import CloudRunError, ReleaseConflict
from slipway.ledger.entries import RollbackRehearsed, StagingStableRecorded
from slipway.operators.base import ReleaseOperator
from slipway.release.address import service_address

if TYPE_CHECKING:
    from airflow.sdk import Context

    from slipway.ledger.ledger import Release


class RehearseRollbackOperator(ReleaseOperator):
    """Give staging's traffic to the new revision and take it back, as a rollback does, against the clock.

    Rehearsed with the progressive service, whose traffic an immediate rollback moves. The revision that
    served before has lost its instances by then: the time includes their start, as after a full rollout.

    What served before is recorded first, so that a rehearsal that was killed is taken up again and ends in
    the same state. A rehearsal that fails is put on record with its reason and does not fail the task: the
    checklist decides.
    """

    def execute(self, context: Context) -> dict[str, Any]:
        """Return how long the way back took, and whether everything was as before."""
        release = self.release(context)
        service = release.plan.progressive
        name, new = service.names["staging"], {service.revisions["staging"]: 100}
        before = self._before(release, name)
        result: dict[str, Any] = {
            "passed": False,
            "service": name,
            "seconds": None,
            "limit_seconds": release.policy.rollback_deadlines.traffic_seconds,
            "before": before,
        }
        if not before or before == new:
            result["reason"] = "nothing else has served in staging yet: there is no way back to rehearse"
        else:
            result |= self._rehearse(release, name, new, before)
        self.record(release, RollbackRehearsed.model_validate(result))
        return result

    def _before(self, release: Release, service: str) -> Mapping[str, int]:
        from slipway.hooks.cloud_run.hook import serving_split

        live = self.cloud_run.get_service(service_address(release.policy, service, "staging"))
        now = StagingStableRecorded(service=service, split=serving_split(live))
        self.record(release, now)
        # What an earlier try recorded stays: it has moved the traffic since.
        return (self.ledger.get(release.release_id, StagingStableRecorded) or now).split

    def _rehearse(
        self, release: Release, service: str, new: Mapping[str, int], before: Mapping[str, int]
    ) -> dict[str, Any]:
        limit = release.policy.rollback_deadlines.traffic_seconds
        address = service_address(release.policy, service, "staging")
        try:
            self.cloud_run.set_traffic(address, split=new, timeout=limit)
            began = time.monotonic()
            change = self.cloud_run.set_traffic(address, split=before, timeout=limit)
            seconds = round(time.monotonic() - began, 2)
        except (CloudRunError, ReleaseConflict) as error:
            return {"reason": f"{type(error).__name__}: {error}"}
        back = change.after == before
        words = "all traffic back" if back else f"the traffic is {change.after}"
        return {
            "passed": back and seconds <= limit,
            "seconds": seconds,
            "after": change.after,
            "reason": f"{words} after {seconds:g} s (at most {limit:g} s)",
        }
