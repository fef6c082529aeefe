"""The newest check of each bake: kept beside the record, of which it is no part, for who looks at a bake."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from pydantic import TypeAdapter

from slipway.analysis.evidence_series import Series
from slipway.analysis.verdict import Decision
from slipway.ledger.bakes import Bake
from slipway.ledger.chain import canonical
from slipway.ledger.entries import Judged
from slipway.ledger.store import LedgerStore
from slipway.sql import statement

_SERIES: TypeAdapter[tuple[Series, ...]] = TypeAdapter(tuple[Series, ...])


@dataclass(frozen=True)
class BakeCheck:
    """A check of a bake.

    :param judged: the verdict so far.
    :param series: the metrics over time.
    :param checked_at: when it was kept.
    """

    judged: Judged
    series: Sequence[Series]
    checked_at: datetime


class LedgerChecks:
    """Keeps the newest check of each bake.

    :param store: the ledger's tables.
    """

    def __init__(self, store: LedgerStore) -> None:
        self._store = store

    def keep(self, release_id: str, bake: Bake, decision: Decision, series: Sequence[Series]) -> None:
        """Keep a check in place of the one before.

        :param release_id: the release.
        :param bake: the bake.
        :param decision: the verdict so far.
        :param series: the metrics over time.
        """
        with self._store.transaction() as cursor:
            cursor.execute(
                statement("ledger/keep_bake_check"),
                {
                    "release_id": release_id,
                    "phase": bake.phase,
                    "round": bake.number,
                    "decision": canonical(decision.as_payload()),
                    "series": _SERIES.dump_json(tuple(series)).decode(),
                },
            )

    def newest(self, release_id: str, bake: Bake) -> BakeCheck | None:
        """Return the newest check of a bake, None before the first one.

        :param release_id: the release.
        :param bake: the bake.
        """
        row = self._store.row(
            "ledger/read_bake_check", release_id=release_id, phase=bake.phase, round=bake.number
        )
        if row is None:
            return None
        decision, series, checked_at = row
        return BakeCheck(
            Judged.model_validate(decision, extra="ignore"), _SERIES.validate_python(series), checked_at
        )
