"""The end of a release: its tag and record when it is promoted, and in any case its verdict."""

from __future__ import annotations

from airflow.sdk import TaskGroup, TriggerRule

from slipway.assets import RELEASE_PROMOTED
from slipway.operators.closing import ClosePromotedOperator, VerdictOperator
from slipway.operators.gates import GO_OR_ROLLBACK
from slipway.operators.git import TagReleaseOperator
from slipway.operators.reconcile import ReconcileReleaseOperator
from slipway.task_groups.phases import UNLESS_LEFT_OUT, Phase


def end(*, after: Phase, rollback: TaskGroup, group_id: str = "end") -> TaskGroup:
    """Tag and close a promoted release; give the verdict of every release; leave nothing half done.

    The last phase's gate leads here; the rollback leads to the verdict alone.

    :param after: the last phase.
    :param rollback: the rollback group.
    :param group_id: name of the group in the graph.
    """
    # Without a prefix: `verdict` is what people look for.
    with TaskGroup(group_id, prefix_group_id=False, tooltip="The end: tag, record and verdict") as group:
        tag = TagReleaseOperator(task_id="tag_release", retries=2)
        close = ClosePromotedOperator(
            task_id="close_promoted", retries=3, outlets=[RELEASE_PROMOTED], trigger_rule=UNLESS_LEFT_OUT
        )
        verdict = VerdictOperator(
            task_id="verdict", trigger_rule=TriggerRule.ALL_DONE, retries=0, on_failure_callback=None
        )
        reconcile = ReconcileReleaseOperator(
            task_id="reconcile", verdict=verdict.task_id, retries=5, on_failure_callback=None
        ).as_teardown(on_failure_fail_dagrun=True)
        # A product without a tag goes past it.
        [after[GO_OR_ROLLBACK], tag] >> close
        [close, rollback] >> verdict
        [close, rollback] >> reconcile
    return group
