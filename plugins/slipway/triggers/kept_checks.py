"""Keeps the newest check of a bake for who looks at it: beside the bake, and never in its way."""

from __future__ import annotations

import contextvars
from concurrent.futures import Future
from dataclasses import replace
from typing import Any

from slipway.analysis.evidence_record import EvidenceRecord
from slipway.analysis.evidence_series import GrowingSeries
from slipway.analysis.verdict import Decision
from slipway.ledger.bakes import Bake
from slipway.ledger.ledger import Ledger, Release
from slipway.ledger.store import PooledStore
from slipway.triggers.threads import KEEP

#: Points of each metric that are kept.
POINTS = 60
_SECONDS = 5


class KeptChecks:
    """Writes checks in a thread. While one is being written, the next ones are left out.

    :param release: the release.
    :param bake: the bake.
    :param ledger_conn_id: connection to the ledger's database.
    :param log: says what could not be written.
    """

    def __init__(self, release: Release, bake: Bake, ledger_conn_id: str, *, log: Any) -> None:
        self._release, self._bake, self._ledger_conn_id = release, bake, ledger_conn_id
        self._log = log
        self._writing: Future[None] | None = None
        self._series = GrowingSeries(list(release.policy.metrics), release.policy, moments=POINTS)
        self._drawn = 0

    def keep(self, decision: Decision, record: EvidenceRecord) -> None:
        """Begin to write a check; returns at once.

        :param decision: the verdict so far.
        :param record: every check so far.
        """
        if self._writing is None or self._writing.done():
            new = replace(record, rows=record.rows[self._drawn :])
            self._drawn = len(record.rows)
            self._writing = KEEP.submit(contextvars.copy_context().run, self._write, decision, new)

    def _write(self, decision: Decision, new: EvidenceRecord) -> None:
        try:
            for at, canary, stable in new.checks():
                if not isinstance(canary, str):
                    self._series.add(at, canary, stable)
            store = PooledStore(
                self._ledger_conn_id, connect_seconds=_SECONDS, statement_seconds=_SECONDS, read_only=False
            )
            Ledger(store=store).checks.keep(
                self._release.release_id, self._bake, decision, self._series.series()
            )
        except Exception as error:  # noqa: BLE001 - the bake goes on whatever happens here
            self._log.warning(
                "This check is not shown on the Release page: it could not be kept",
                release=self._release.release_id,
                phase=self._bake.phase,
                error=f"{type(error).__name__}: {error}",
            )
