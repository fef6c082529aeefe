"""Branch operators: at the end of every phase, go on or roll back."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow.providers.standard.operators.branch import BranchMixIn

from slipway.analysis.pre_deployment import go_or_no_go
from slipway.analysis.staging import judge_staging
from slipway.exceptions import ReleaseConflict
from slipway.ledger.bakes import current_bake
from slipway.operators.approval import APPROVAL
from slipway.operators.base import ReleaseOperator
from slipway.policy.checklist import ITEMS
from slipway.policy.release import PhaseName
from slipway.release.leases import hold_services

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow.sdk import Context

    from slipway.ledger.ledger import Release


class GateOperator(ReleaseOperator, BranchMixIn):
    """Base of the gates: only the verdict ``promote`` leads on, everything else leads to the rollback.

    On the way on the release's leases are renewed: the policy sees to it that they outlast every phase. A
    release that has lost one is rolled back.

    :param phase: name of the phase that ends here.
    :param go: task that begins the next phase.
    :param start_rollback: task that leads to the rollback group.
    """

    inherits_from_skipmixin = True

    def __init__(self, *, phase: str, go: str | Sequence[str], start_rollback: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.phase = phase
        self.go = go
        self.start_rollback = start_rollback

    def judge(self, release: Release, context: Context) -> Mapping[str, Any]:
        """Return the decision on the phase: ``verdict``, ``reason``, ``findings``."""
        raise NotImplementedError(f"{type(self).__name__} must say how its phase is judged")

    def execute(self, context: Context) -> Any:
        """Follow the verdict."""
        release = self.release(context)
        decision = self._if_still_held(release, self.judge(release, context))
        self.record(release, f"gate/{self.phase}", phase=self.phase, **decision)
        return self.do_branch(context, self.go if decision["verdict"] == "promote" else self.start_rollback)

    def _if_still_held(self, release: Release, decision: Mapping[str, Any]) -> Mapping[str, Any]:
        if decision["verdict"] != "promote":
            return decision
        lease = self.lease(release)
        try:
            hold_services(release, self.ledger, self.cloud_run, lease)
        except ReleaseConflict as lost:
            return {**decision, "verdict": "rollback", "reason": str(lost)}
        return {**decision, "leased_until": lease.until.isoformat()}


class StagingGateOperator(GateOperator):
    """Judge staging by its test suites and its load test."""

    def judge(self, release: Release, context: Context) -> Mapping[str, Any]:
        """Weigh the results on record."""
        validation = release.policy.staging_validation
        decision = judge_staging(
            {name: self.ledger.entry(release.release_id, f"suite/{name}") for name in validation.suites},
            self.ledger.entry(release.release_id, "load_test"),
            validation,
            seconds=(datetime.now(UTC) - release.opened_at).total_seconds(),
        )
        return decision.as_payload()


class PreparationGateOperator(GateOperator):
    """Let production go ahead only when everything that a rollback would need is on record, every item of the
    pre-deployment checklist is fulfilled, and a person has approved where the policy wants one to.

    :param required: ledger keys that must be there.
    """

    def __init__(self, *, required: Sequence[str], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.required = required

    def judge(self, release: Release, context: Context) -> Mapping[str, Any]:
        """Look for every required entry, then go through the checklist."""
        entries = {entry.key: entry.payload for entry in self.ledger.entries(release.release_id)}
        missing = [key for key in self.required if key not in entries]
        if missing:
            return {"verdict": "rollback", "reason": f"not on record: {', '.join(missing)}", "findings": []}
        decision = go_or_no_go(
            release.policy.checklist, {name: entries.get(f"checklist/{name}") for name in ITEMS}
        )
        self.log.info("checklist:\n%s", "\n".join(finding.reason for finding in decision.findings))
        approval = entries[APPROVAL]
        if decision.verdict == "promote" and not approval["approved"]:
            return decision.as_payload() | {
                "verdict": "rollback",
                "reason": f"not approved: {approval['reason']}",
            }
        return decision.as_payload()


class BakeGateOperator(GateOperator):
    """Follow the verdict of the phase's last watch; a phase still on hold at its end is rolled back.

    :param phase: ``canary``, ``half`` or ``full``.
    """

    phase: PhaseName

    def judge(self, release: Release, context: Context) -> Mapping[str, Any]:
        """Return the verdict on record."""
        watch, _ = current_bake(self.ledger, release.release_id, self.phase)
        verdict = self.ledger.entry(release.release_id, watch.verdict_key)
        if verdict is None:
            return {"verdict": "hold", "reason": "no verdict on record", "findings": []}
        words = "on hold at the deadline: " if verdict["verdict"] == "hold" else ""
        answer = self.ledger.entry(release.release_id, watch.answer_key)
        if answer is not None:
            words = f"{answer['reason']}: "
        return {
            "verdict": verdict["verdict"],
            "reason": words + verdict["reason"],
            "findings": verdict["findings"],
        }
