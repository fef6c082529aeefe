"""The operator that works off one item of the pre-deployment checklist."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from slipway.ledger.entries import ChecklistItemChecked
from slipway.notifiers.team import notify_team
from slipway.operators.base import ReleaseOperator
from slipway.policy.checklist import TITLES, ItemName
from slipway.release.checklist import JUDGES, Sources
from slipway.release.configuration import ConfigurationStore

if TYPE_CHECKING:
    from airflow.sdk import Context

    from slipway.ledger.ledger import Release


class ChecklistItemOperator(ReleaseOperator):
    """Gather the evidence of one item, judge it, and put both on record as ``checklist/<item>``.

    An item that is not fulfilled does not fail the task: the gate weighs the whole list.

    :param item: name of the item.
    """

    def __init__(self, *, item: ItemName, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.item = item

    def absent(self, release: Release) -> str | None:
        """Say why the item is no line of this product's checklist."""
        return None if self.item in release.policy.items else f"the policy has no item {self.item}"

    def execute(self, context: Context) -> dict[str, Any]:
        """Return whether the item is fulfilled, and why."""
        release = self.release(context)
        done = self.ledger.get(release.release_id, ChecklistItemChecked, item=self.item)
        if done is not None and done.passed:
            return {"passed": True, "reason": done.reason}
        key = ChecklistItemChecked.key_of(item=self.item)
        found = JUDGES[self.item](
            Sources(
                release,
                self.ledger,
                self.cloud_run,
                ConfigurationStore(release, "production", self.cloud_run, self.gcp_conn_id),
                partial(notify_team, context, release, key),
            )
        )
        self.record(
            release,
            ChecklistItemChecked(
                item=self.item,
                title=TITLES[self.item],
                passed=found.passed,
                reason=found.reason,
                evidence=found.evidence,
            ),
        )
        return {"passed": found.passed, "reason": found.reason}
