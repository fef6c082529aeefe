"""The long-running operations that a release's steps wait for, by name: a step done again waits on."""

from __future__ import annotations

from dataclasses import dataclass

from slipway.ledger.store import LedgerStore
from slipway.sql import statement


@dataclass(frozen=True)
class KeptOperation:
    """The place in the ledger where the name of a step's operation is kept.

    :param step: the key that the step is put on record under.
    """

    store: LedgerOperations
    release_id: str
    step: str

    def name(self) -> str | None:
        """Return the name of the operation that the step began last, if any."""
        with self.store._transaction() as cursor:
            cursor.execute(
                statement("ledger/read_operation"), {"release_id": self.release_id, "step": self.step}
            )
            row = cursor.fetchone()
        return None if row is None else str(row[0])

    def keep(self, name: str) -> None:
        """Keep the name of an operation that the step has begun, instead of an earlier one's."""
        with self.store._transaction() as cursor:
            cursor.execute(
                statement("ledger/keep_operation"),
                {"release_id": self.release_id, "step": self.step, "name": name},
            )


class LedgerOperations(LedgerStore):
    """Keeps the names of operations; the ledger builds on it."""

    def operation(self, release_id: str, step: str) -> KeptOperation:
        """Return where the name of a step's operation is kept.

        :param step: the key that the step is put on record under.
        """
        return KeptOperation(self, release_id, step)
