"""Seeing within a bake that somebody else changed a service: at its next check."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from slipway.analysis.verdict import Decision, Verdict
from slipway.exceptions import CloudRunError
from slipway.ledger.ledger import Ledger, Release
from slipway.ledger.timeline import is_being_undone
from slipway.release.foreign_change import find_change
from slipway.triggers.threads import READ, in_thread

if TYPE_CHECKING:
    from slipway.hooks.cloud_run.hook import CloudRunTrafficHook
    from slipway.ledger.chain import Record

#: A read of the services may take this long; the next check of the bake reads again.
_READ_SECONDS = 10.0


class ForeignChanges:
    """Compares the live services with what the release left, at every check of a bake.

    :param release: the release that bakes.
    :param ledger_conn_id: connection to the ledger's database.
    :param gcp_conn_id: connection to Google Cloud.
    :param log: the trigger's logger.
    """

    def __init__(self, release: Release, ledger_conn_id: str, gcp_conn_id: str, *, log: Any) -> None:
        self._release = release
        self._ledger_conn_id = ledger_conn_id
        self._gcp_conn_id = gcp_conn_id
        self._log = log
        self._hook: CloudRunTrafficHook | None = None
        self._record: Record | None = None

    async def weigh(self, decision: Decision) -> Decision:
        """Return the decision of a check, or what a change by somebody else makes of it.

        :param decision: of a check that does not end the bake.
        """
        try:
            return await asyncio.wait_for(in_thread(READ, lambda: self._weigh(decision)), _READ_SECONDS)
        except (CloudRunError, TimeoutError) as error:
            self._log.warning(
                "Cannot compare the services with the record; the next check tries again: %s", error
            )
            return decision

    def _weigh(self, decision: Decision) -> Decision:
        from slipway.hooks.cloud_run.hook import CloudRunTrafficHook

        if self._hook is None or self._record is None:
            self._hook = CloudRunTrafficHook(gcp_conn_id=self._gcp_conn_id)
            self._record = self._entries()
        if find_change(self._release, self._record, self._hook) is None:
            return decision
        # The record may be older than a step of this release, or of its rollback.
        self._record = self._entries()
        if is_being_undone(self._record):
            return decision.held("the release is being rolled back", verdict=Verdict.ROLLBACK)
        change = find_change(self._release, self._record, self._hook)
        if change is None:
            return decision
        asks = self._release.policy.decision.on_foreign_change == "ask"
        return decision.held(change, verdict=Verdict.HOLD if asks else Verdict.ROLLBACK)

    def _entries(self) -> Record:
        return Ledger(self._ledger_conn_id).entries(self._release.release_id)
