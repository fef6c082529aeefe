"""The releases on record as a list, and the one of a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Literal

from slipway.ledger.entries import GateDecided, PromotionRolledBack, ReportWritten
from slipway.ledger.store import LedgerStore
from slipway.sql import statement

#: The phases that end in a gate, in their order.
PHASES = ("staging", "preparation", "canary", "half", "full")


@dataclass(frozen=True)
class ReleaseLine:
    """A release as one line of a list.

    :param region: production region that it was for.
    :param outcome: ``promoted``, ``rolled_back``, or None while it is open.
    """

    release_id: str
    version: str
    run_id: str
    actor: str
    region: str | None
    outcome: str | None
    reason: str | None
    opened_at: datetime
    closed_at: datetime | None


@dataclass(frozen=True)
class ReleaseFilter:
    """Which releases a list has; None leaves all of them.

    :param product: name of the policy; a refused request is of none.
    :param service: name of a production service that is released.
    :param person: who asked for the release.
    :param since: opened at this moment or later.
    :param until: opened before this moment.
    :param outcome: how it ended, ``open``, or ``refused`` for a request that opened none.
    """

    product: str | None = None
    service: str | None = None
    person: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    outcome: Literal["open", "promoted", "rolled_back", "refused"] | None = None


@dataclass(frozen=True)
class Filters:
    """What releases can be filtered by.

    :param products: every product that was ever released.
    :param services: every service that was ever released.
    :param people: everybody who ever asked for a release.
    """

    products: Sequence[str]
    services: Sequence[str]
    people: Sequence[str]


@dataclass(frozen=True)
class FoundRelease(ReleaseLine):
    """A release that a filter has found, or a refused request with the id that its release would have had.

    :param region: production region that it was for; None where a refused request names none.
    :param outcome: ``promoted``, ``rolled_back``, ``refused``, or None while it is open.
    :param services: the production services.
    :param product: name of the policy; None of a refused request.
    :param gates: by phase, the verdict of its gate.
    """

    services: Sequence[str]
    product: str | None
    gates: Mapping[str, str] | None


@dataclass(frozen=True)
class OpenRelease:
    """A release that has not ended.

    :param run_id: Airflow run that carries it out.
    :param locked_until: when the first of its locks ends; None when it has none.
    """

    release_id: str
    run_id: str
    locked_until: datetime | None


class LedgerListing:
    """Lists releases, and finds the one of a run.

    :param store: the ledger's tables.
    """

    def __init__(self, store: LedgerStore) -> None:
        self._store = store

    def releases(self, *, limit: int, offset: int = 0) -> Sequence[ReleaseLine]:
        """Return releases, the newest first.

        :param limit: the most that are returned.
        :param offset: how many of the newest are left out.
        """
        with self._store.transaction() as cursor:
            cursor.execute(statement("ledger/read_releases"), {"limit": limit, "offset": offset})
            return [ReleaseLine(*row) for row in cursor.fetchall()]

    def find(
        self, sought: ReleaseFilter, *, limit: int | None, offset: int = 0
    ) -> tuple[Sequence[FoundRelease], int]:
        """Return a page of what a filter leaves, the newest first, and how many releases it leaves in all.

        :param sought: the filter.
        :param limit: the most that are returned; None for all.
        :param offset: how many of the newest are left out.
        """
        gates = [GateDecided.key_of(phase=phase) for phase in PHASES]
        with self._store.transaction() as cursor:
            cursor.execute(
                statement("ledger/find_releases"),
                {**asdict(sought), "gates": gates, "limit": limit, "offset": offset},
            )
            rows = cursor.fetchall()
        return [FoundRelease(*row[1:]) for row in rows if row[1] is not None], rows[0][0]

    def filters(self) -> Filters:
        """Return what releases can be filtered by."""
        with self._store.transaction() as cursor:
            cursor.execute(statement("ledger/read_filters"))
            return Filters(*cursor.fetchone())

    def open_releases(self) -> Sequence[OpenRelease]:
        """Return the releases that have not ended, the oldest first."""
        with self._store.transaction() as cursor:
            cursor.execute(statement("ledger/read_open_releases"))
            return [OpenRelease(*row) for row in cursor.fetchall()]

    def newest_ended(self) -> Sequence[str]:
        """Return by product and region the id of the release that ended last, where none is open."""
        return self._ids("ledger/read_ended_releases")

    def unreported(self) -> Sequence[str]:
        """Return the ids of the releases whose newest end has no report on record, the oldest first."""
        return self._ids(
            "ledger/read_unreported_releases",
            rolled_back_later=PromotionRolledBack.key_of(),
            first=ReportWritten.key_of(edition=1),
            second=ReportWritten.key_of(edition=2),
        )

    def opened_between(self, since: datetime, until: datetime) -> Sequence[str]:
        """Return the ids of the releases that were opened in a period, the oldest first.

        :param since: first moment of the period.
        :param until: first moment after it.
        """
        return self._ids("ledger/read_opened_between", since=since, until=until)

    def release_of_run(self, run_id: str) -> str | None:
        """Return the id of the release that an Airflow run opened, None when it opened none.

        :param run_id: Airflow run id.
        """
        row = self._store.row("ledger/read_release_of_run", run_id=run_id)
        return None if row is None else str(row[0])

    def _ids(self, name: str, **values: Any) -> list[str]:
        with self._store.transaction() as cursor:
            cursor.execute(statement(name), values)
            return [str(release_id) for (release_id,) in cursor.fetchall()]
