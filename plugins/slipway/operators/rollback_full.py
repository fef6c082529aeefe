"""The operator of a rollback's tier full: the services beside the release, and a look at the whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from slipway.ledger.entries import FullyRestored, ReleaseOpened
from slipway.operators.base import ReleaseOperator
from slipway.release.rollback.full import differences, read_whole, restore_others

if TYPE_CHECKING:
    from airflow.sdk import Context


class RestoreWholeOperator(ReleaseOperator):
    """Return the services beside the release to what was promoted last, then read every service.

    Skipped for the other tiers. What is not as it was when the release began is on record and makes the run
    red; another order reads it again.

    :raises AirflowFailException: naming each revision, image, configuration version or secret that differs.
    """

    def execute(self, context: Context) -> list[str]:
        """Return the services that were read."""
        if context["params"]["tier"] != "full":
            raise AirflowSkipException("only the tier full looks at the whole system")
        from slipway.hooks.secret_manager import SecretVersionHook

        release = self.release(context)
        changes = restore_others(release, self.cloud_run, self.ledger)
        secrets = SecretVersionHook(gcp_conn_id=self.gcp_conn_id)
        found, wrong = read_whole(release, self.cloud_run, secrets, changes)
        record = self.ledger.entries(release.release_id)
        wrong += differences(record.get(ReleaseOpened), found)
        earlier = list(record.of_kind(FullyRestored))
        entry = FullyRestored(changes=changes, serving=found, wrong=tuple(wrong), round=len(earlier) + 1)
        if not earlier or earlier[-1].model_copy(update={"round": entry.round, "task": None}) != entry:
            self.record(release, entry)
        if wrong:
            raise AirflowFailException(entry.sentence)
        return list(found)
