"""The operator that takes a person's order to roll a release back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow.providers.standard.operators.branch import BranchMixIn
from airflow.sdk.exceptions import AirflowFailException

from slipway.exceptions import RequestRefused, SchemaContractBroken
from slipway.ledger.audit import audit
from slipway.ledger.entries import DatabaseSwitched, FlagsRolledBack, RollbackOrdered
from slipway.ledger.entries.values import listed
from slipway.ledger.plan import WATCHDOG_DAG
from slipway.operators.base import ReleaseOperator
from slipway.release.rollback.database import steps_of_tier
from slipway.release.rollback.flags import reason_to_keep_flags
from slipway.release.rollback.record import rollback_commands
from slipway.release.rollback.request import (
    is_done,
    requested_reason,
    requested_release,
    requested_tier,
    require_in_window,
    require_not_superseded,
)
from slipway.release.rollback.schema_guard import require_readable_targets
from slipway.release.rollback.switching import switches_of_tier
from slipway.release.rollback.traffic import rollback_steps

if TYPE_CHECKING:
    from airflow.sdk import Context

    from slipway.ledger.entries import RollbackTier
    from slipway.ledger.ledger import Release
    from slipway.release.rollback.database import BackwardStep
    from slipway.release.rollback.switching import Switch
    from slipway.release.rollback.traffic import RollbackStep


class OrderRollbackOperator(ReleaseOperator, BranchMixIn):
    """Check what a person asks of a rollback, say what it does, and put the order on record.

    From the order on the release's own run changes nothing any more. The tasks downstream are skipped for a
    plan, and where nothing is left to do.

    :raises AirflowFailException: when the rollback is refused, naming the field, its value and the way out.
    """

    inherits_from_skipmixin = True

    def execute(self, context: Context) -> Any:
        """Follow the request."""
        params = context["params"]
        try:
            tier, reason = requested_tier(params["tier"]), requested_reason(params["reason"])
            release = requested_release(params["release"], self.ledger)
            require_in_window(release)
            steps = rollback_steps(release, self.cloud_run)
            require_not_superseded(release, steps)
            backward = steps_of_tier(tier, release, self.ledger.entries(release.release_id), steps)
            switches = switches_of_tier(tier, release, self.ledger, self.cloud_run)
        except RequestRefused as refused:
            raise AirflowFailException(f"Rollback refused, nothing was changed: {refused}") from None
        self._plan(release, steps, backward, switches)
        if params["plan_only"]:
            return self._end(context, release, "Plan only: nothing was changed")
        left = backward or self._is_left(release, tier)
        if is_done(release, steps) and self._flags_are_back(release) and not left:
            return self._end(context, release, "Nothing to do: the release is rolled back already")
        run = context["dag_run"]
        # Nobody asked for the run that the watchdog starts.
        by_task = run.run_type == "operator_triggered"
        actor = run.triggering_user_name or (WATCHDOG_DAG if by_task else "unknown")
        self.record(release, RollbackOrdered(tier=tier, actor=actor, reason=reason, source="DAG rollback"))
        return self.do_branch(context, sorted(self.downstream_task_ids))

    def _plan(
        self,
        release: Release,
        steps: Mapping[str, RollbackStep],
        backward: Sequence[BackwardStep],
        switches: Sequence[Switch],
    ) -> None:
        planned = {name: step.planned for name, step in steps.items()}
        lines = [f"{name}: {change.described(name)}" for name, change in planned.items()]
        try:
            moving = [name for name, step in steps.items() if step.moves]
            unchecked = require_readable_targets(release, moving, self.ledger)
            lines += [f"{name}: {why}" for name, why in unchecked.items()]
        except SchemaContractBroken as broken:
            lines.append(f"a person must decide: {broken}")
        lines += [
            f"{step.name} is undone, once a person confirms it; drops {listed([*map(str, step.drops)])}"
            for step in backward
        ]
        lines += [f"{one.described}, once a person confirms it" for one in switches]
        lines += ["by hand:", *rollback_commands(release.policy, release.stable)]
        self.log.info("Rollback of release %s:\n%s", release.release_id, "\n".join(lines))

    def _is_left(self, release: Release, tier: RollbackTier) -> bool:
        if tier == "restore":
            return self.ledger.get(release.release_id, DatabaseSwitched) is None
        # What serves is read anew with each order: somebody may have changed it.
        return tier == "full"

    def _flags_are_back(self, release: Release) -> bool:
        if reason_to_keep_flags(release, self.ledger, "production") is not None:
            return True
        return self.ledger.get(release.release_id, FlagsRolledBack, environment="production") is not None

    def _end(self, context: Context, release: Release, sentence: str) -> Any:
        audit(self.log, sentence, release=release.release_id, entry="rollback_not_started")
        return self.do_branch(context, None)
