"""The long-running operations that a release's steps wait for, by name: a step done again waits on."""

from __future__ import annotations

from dataclasses import dataclass

from slipway.ledger.entries import LedgerEntry
from slipway.ledger.store import LedgerStore
from slipway.sql import statement


@dataclass(frozen=True)
class KeptOperation:
    """The place in the ledger where the name of a step's operation is kept.

    :param store: the ledger's tables.
    :param release_id: the release.
    :param step: name of the step, unique in the release.
    """

    store: LedgerStore
    release_id: str
    step: str

    def name(self) -> str | None:
        """Return the name of the operation that the step began last, if any."""
        row = self.store.row("ledger/read_operation", release_id=self.release_id, step=self.step)
        return None if row is None else str(row[0])

    def keep(self, name: str) -> None:
        """Keep the name of an operation that the step has begun, instead of an earlier one's.

        :param name: Google Cloud's name of the operation.
        """
        with self.store.transaction() as cursor:
            cursor.execute(
                statement("ledger/keep_operation"),
                {"release_id": self.release_id, "step": self.step, "name": name},
            )


class LedgerOperations:
    """The names of operations that are kept in the ledger.

    :param store: the ledger's tables.
    """

    def __init__(self, store: LedgerStore) -> None:
        self._store = store

    def of(
        self,
        release_id: str,
        kind: type[LedgerEntry],
        *,
        service: str | None = None,
        **parts: str | int | None,
    ) -> KeptOperation:
        """Return where the name of a step's operation is kept; the entry's key is made of the ``parts``.

        :param release_id: the release.
        :param kind: the entry that puts the step on record.
        :param service: the service, where one entry is about several.
        """
        return KeptOperation(self._store, release_id, step_of(kind, service=service, **parts))


def step_of(kind: type[LedgerEntry], *, service: str | None = None, **parts: str | int | None) -> str:
    """Return the name of a step; the key of its entry is made of the ``parts``.

    :param kind: the entry that puts it on record.
    :param service: the service, where one entry is about several.
    """
    key = kind.key_of(**parts)
    return key if service is None else f"{key}/{service}"
