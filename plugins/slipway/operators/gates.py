"""Branch operators: at the end of every phase, go on or roll back."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast

from airflow.providers.standard.operators.branch import BranchMixIn
from airflow.sdk.exceptions import AirflowSkipException

from slipway.analysis.pre_deployment import go_or_no_go
from slipway.analysis.staging import judge_staging
from slipway.exceptions import ReleaseConflict
from slipway.ledger.bakes import current_bake
from slipway.operators.approval import APPROVAL
from slipway.operators.base import ReleaseOperator
from slipway.policy.checklist import ITEMS
from slipway.policy.release import PhaseName
from slipway.release.leases import hold_services
from slipway.release.regions import inherit_evidence

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow.sdk import Context

    from slipway.ledger.ledger import Release

GO_OR_ROLLBACK, START_ROLLBACK = "go_or_rollback", "start_rollback"
EARLIER_REGION = "earlier_region"


def skip_when_inherited(context: Context) -> None:
    """Skip a task of a later region's release: for ``pre_execute`` of what begins phase 1.

    :param context: of a task whose operator is a :class:`~slipway.operators.base.ReleaseOperator`.
    :raises AirflowSkipException: when the release inherits the evidence of the region before.
    """
    release = cast("ReleaseOperator", context["task"]).release(context)
    if release.plan.follows is not None:
        raise AirflowSkipException(
            f"not done again for {release.policy.region}: the evidence of release {release.plan.follows} is"
            " inherited"
        )


class GateOperator(ReleaseOperator, BranchMixIn):
    """Base of the gates: only the verdict ``promote`` leads on, everything else leads to the rollback.

    On the way on the release's leases are renewed: the policy sees to it that they outlast every phase. A
    release that has lost one is rolled back.

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

    def judge(self, release: Release, context: Context) -> Mapping[str, Any]:
        """Return the decision on the phase: ``verdict``, ``reason``, ``findings``."""
        raise NotImplementedError(f"{type(self).__name__} must say how its phase is judged")

    def execute(self, context: Context) -> Any:
        """Follow the verdict."""
        release = self.release(context)
        decision = self._if_still_held(release, self.judge(release, context))
        phase = self.phase_of(release)
        self.record(release, f"gate/{phase}", phase=phase, **decision)
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

    A later region's release inherits the evidence of phases 1 and 2, and is judged by it.

    :param required: ledger keys that must be there.
    """

    def __init__(self, *, required: Sequence[str], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.required = required

    def phase_of(self, release: Release) -> str:
        """Return the phase; evidence of an earlier region has a decision of its own."""
        return self.phase if release.plan.follows is None else EARLIER_REGION

    def judge(self, release: Release, context: Context) -> Mapping[str, Any]:
        """Check every required entry, then the checklist.

        :raises AirflowSkipException: when phase 1 has started the rollback.
        """
        if release.plan.follows is not None:
            return inherit_evidence(release, self.ledger)
        entries = {entry.key: entry.payload for entry in self.ledger.entries(release.release_id)}
        if entries.get("gate/staging", {}).get("verdict") != "promote":
            raise AirflowSkipException("phase 1 was not promoted: its gate starts the rollback")
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
