"""The drawings of a release's evidence: kept beside its record, of which they are no part."""

from __future__ import annotations

from collections.abc import Set

from slipway.ledger.bakes import Bake
from slipway.ledger.store import LedgerStore
from slipway.sql import statement


class LedgerDrawings:
    """Keeps one SVG per bake.

    :param store: the ledger's tables.
    """

    def __init__(self, store: LedgerStore) -> None:
        self._store = store

    def keep(self, release_id: str, bake: Bake, svg: str) -> None:
        """Keep the drawing of a bake; done again the first one stays.

        :param release_id: the release.
        :param bake: the bake.
        :param svg: the drawing, at most 4 MiB.
        """
        with self._store.transaction() as cursor:
            cursor.execute(
                statement("ledger/keep_drawing"),
                {"release_id": release_id, "phase": bake.phase, "round": bake.number, "svg": svg},
            )

    def kept(self, release_id: str) -> Set[Bake]:
        """Return the bakes whose drawing is kept.

        :param release_id: the release.
        """
        with self._store.transaction() as cursor:
            cursor.execute(statement("ledger/read_drawings"), {"release_id": release_id})
            return {Bake(phase, number) for phase, number in cursor.fetchall()}

    def read(self, release_id: str, bake: Bake) -> str | None:
        """Return the drawing of a bake, None when none is kept.

        :param release_id: the release.
        :param bake: the bake.
        """
        row = self._store.row(
            "ledger/read_drawing", release_id=release_id, phase=bake.phase, round=bake.number
        )
        return None if row is None else str(row[0])
