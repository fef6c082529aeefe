"""Branch operators: at the end of every phase, go on or roll back."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow.providers.standard.operators.branch import BranchMixIn
from airflow.sdk.exceptions import AirflowSkipException

from slipway.analysis.pre_deployment import go_or_no_go
from slipway.analysis.staging import judge_staging
from slipway.analysis.verdict import Verdict
from slipway.exceptions import ReleaseConflict, TrafficDrift
from slipway.ledger.bakes import current_bake
from slipway.ledger.entries import (
    ApprovalDecided,
    BakeAnswered,
    ChecklistItemChecked,
    GateDecided,
    LoadTested,
    PhaseBaked,
    StagingServed,
    SuiteRun,
)
from slipway.operators.base import ReleaseOperator, absent_from
from slipway.policy.checklist import CHECKED_FIRST
from slipway.policy.release import PhaseName
from slipway.release.inheritance import prepared
from slipway.release.leases import hold_services
from slipway.release.phase_gate import gate_after
from slipway.release.regions import inherit_evidence

if TYPE_CHECKING:
    from airflow.sdk import Context

    from slipway.ledger.ledger import Release

GO_OR_ROLLBACK, START_ROLLBACK = "go_or_rollback", "start_rollback"
EARLIER_REGION = "earlier_region"


class GateOperator(ReleaseOperator, BranchMixIn):
    """Base of the gates: only the verdict ``promote`` leads on, everything else leads to the rollback.

    On the way on the release's leases are renewed: the policy sees to it that they outlast every phase. A
    release that has lost one, or whose service somebody else changed, is rolled back.

    Downstream of it are its ``start_rollback``, which leads to the rollback group, and the tasks that go on.

    :param phase: name of the phase that ends here.
    """

    inherits_from_skipmixin = True

    def __init__(self, *, phase: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.phase = phase

    @property
    def start_rollback(self) -> list[str]:
        """The task downstream that leads to the rollback group."""
        return [task for task in self.downstream_task_ids if task.rpartition(".")[2] == START_ROLLBACK]

    @property
    def go(self) -> list[str]:
        """The tasks downstream that begin the next phase."""
        return sorted(self.downstream_task_ids.difference(self.start_rollback))

    def phase_of(self, release: Release) -> str:
        """Return the phase that the decision goes on record for."""
        return self.phase

    def judge(self, release: Release, context: Context) -> GateDecided:
        """Return the decision on the phase."""
        raise NotImplementedError(f"{type(self).__name__} must say how its phase is judged")

    def execute(self, context: Context) -> Any:
        """Follow the verdict."""
        release = self.release(context)
        decision = self._if_still_held(release, self.judge(release, context))
        self.record(release, decision)
        return self.do_branch(
            context, self.go if decision.verdict is Verdict.PROMOTE else self.start_rollback
        )

    def decided(self, verdict: Verdict, reason: str) -> GateDecided:
        """Return a decision that rests on no analysis.

        :param verdict: what it is.
        :param reason: why, in one line.
        """
        return GateDecided(phase=self.phase, verdict=verdict, reason=reason)

    def _if_still_held(self, release: Release, decision: GateDecided) -> GateDecided:
        if decision.verdict is not Verdict.PROMOTE:
            return decision
        lease = self.lease(release)
        try:
            hold_services(release, self.ledger, self.cloud_run, lease)
        except (ReleaseConflict, TrafficDrift) as found:
            return decision.model_copy(update={"verdict": Verdict.ROLLBACK, "reason": str(found)})
        return decision.model_copy(update={"leased_until": lease.until})


class StagingGateOperator(GateOperator):
    """Judge staging by what the policy asks for: its test suites and its load test."""

    def absent(self, release: Release) -> str | None:
        """Skip phase 1 of a later region's release, not the one of a product without staging."""
        return absent_from(release, "staging") if release.plan.follows is not None else None

    def judge(self, release: Release, context: Context) -> GateDecided:
        """Weigh the results on record."""
        policy, validation = release.policy, release.policy.staging_validation
        if "staging" not in policy.environments:
            return self.decided(Verdict.PROMOTE, "not validated before production: the policy has no staging")
        if self.ledger.get(release.release_id, StagingServed) is None:
            return self.decided(Verdict.ROLLBACK, f"not on record: {StagingServed.key_of()}")
        if validation is None or not (validation.suites or validation.load_test):
            return self.decided(Verdict.PROMOTE, "served in staging; the policy has no test for it there")
        decision = judge_staging(
            {name: self.ledger.get(release.release_id, SuiteRun, suite=name) for name in validation.suites},
            self.ledger.get(release.release_id, LoadTested),
            validation,
            seconds=(datetime.now(UTC) - release.opened_at).total_seconds(),
        )
        return GateDecided.by(decision, phase=self.phase)


class PreparationGateOperator(GateOperator):
    """Let production go ahead only when everything that a rollback would need is on record, every item of the
    pre-deployment checklist is fulfilled, and a person has approved where the policy wants one to.

    A later region's release inherits the evidence of phases 1 and 2, and is judged by it.
    """

    def phase_of(self, release: Release) -> str:
        """Return the phase; evidence of an earlier region has a decision of its own."""
        return self.phase if release.plan.follows is None else EARLIER_REGION

    def judge(self, release: Release, context: Context) -> GateDecided:
        """Follow a no; otherwise check every required entry, then the checklist.

        :param release: the release of this run.
        :param context: Airflow's context of the task.
        :raises AirflowSkipException: when phase 1 has started the rollback.
        """
        if release.plan.follows is not None:
            return GateDecided.by(inherit_evidence(release, self.ledger), phase=self.phase_of(release))
        record = self.ledger.entries(release.release_id)
        staging = record.get(GateDecided, phase="staging")
        if staging is None or staging.verdict is not Verdict.PROMOTE:
            raise AirflowSkipException("phase 1 was not promoted: its gate starts the rollback")
        approval, keys = record.get(ApprovalDecided), {entry.key for entry in record}
        policy, asked = release.policy, approval is None or approval.approved
        names = [name for name in policy.items if asked or name in CHECKED_FIRST]
        items = {name: record.get(ChecklistItemChecked, item=name) for name in names}
        decision = go_or_no_go(policy.checklist, items, names)
        self.log.info("checklist:\n%s", "\n".join(finding.reason for finding in decision.findings))
        if approval is not None and not approval.approved:
            if decision.verdict is Verdict.PROMOTE:
                reason = f"not approved: {approval.reason}"
                decision = replace(decision, verdict=Verdict.ROLLBACK, reason=reason)
            return GateDecided.by(decision, phase=self.phase)
        missing = [key for key in (*prepared(policy), ApprovalDecided.key_of()) if key not in keys]
        if missing:
            return self.decided(Verdict.ROLLBACK, f"not on record: {', '.join(missing)}")
        return GateDecided.by(decision, phase=self.phase)


class BakeGateOperator(GateOperator):
    """Follow the verdict of the phase's last bake round; a phase still on hold at its end is rolled back.

    :param phase: ``canary``, ``half`` or ``full``.
    """

    phase: PhaseName

    def judge(self, release: Release, context: Context) -> GateDecided:
        """Return the verdict on record."""
        record = self.ledger.entries(release.release_id)
        bake, _ = current_bake(record, self.phase)
        baked = record.get(PhaseBaked, phase=bake.phase, round=bake.number)
        if baked is None:
            return self.decided(Verdict.HOLD, "no verdict on record")
        verdict, words = baked.verdict, "on hold at the deadline: " if baked.verdict is Verdict.HOLD else ""
        answer = record.get(BakeAnswered, phase=bake.phase, round=bake.number)
        if answer is not None:
            words = f"{answer.reason}: "
        approved = gate_after(release, self.phase) is None or (answer is not None and answer.approved)
        if verdict is Verdict.PROMOTE and not approved:
            verdict, words = Verdict.ROLLBACK, f"not approved: {words or 'nobody was asked: '}"
        return GateDecided(
            phase=self.phase, verdict=verdict, reason=words + baked.reason, findings=baked.findings
        )
