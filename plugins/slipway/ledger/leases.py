"""The locks in the ledger: of one Airflow deployment's releases, one at a time may touch a service.

A lock has an end, as the one that is written on the service has: what a release left behind that died is
free again by itself. While a release goes on its locks are renewed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from slipway.exceptions import ReleaseConflict
from slipway.ledger.store import LedgerStore
from slipway.sql import statement

if TYPE_CHECKING:
    from slipway.policy.environment import Environment


def leased(production: Environment, services: Iterable[str]) -> list[str]:
    """Name what is leased: other projects and other regions may have services of the same name.

    :param production: where the services are.
    :param services: names of production services.
    """
    return [f"{production.project_id}/{production.location}/{service}" for service in services]


class LedgerLeases:
    """Takes, renews and frees leases.

    :param store: the ledger's tables.
    """

    def __init__(self, store: LedgerStore) -> None:
        self._store = store

    def require_unlocked(self, services: Sequence[str], *, production: Environment) -> None:
        """Refuse services that another release has locked; changes nothing, and promises nothing for later.

        :param services: names of production services.
        :param production: where they are.
        :raises ReleaseConflict: naming the release that has locked the first of them.
        """
        with self._store.transaction() as cursor:
            for service in leased(production, services):
                cursor.execute(statement("ledger/read_lease"), {"service": service})
                if cursor.rowcount:
                    self._refuse(cursor, service)

    def renew(
        self, release_id: str, services: Iterable[str], *, production: Environment, until: datetime
    ) -> None:
        """Lock services for longer, all or none. A lease that has run out is the release's until it is taken.

        :param release_id: the release.
        :param services: names of production services that the release has leased.
        :param production: where they are.
        :param until: moment at which another release may take them over; never brought forward.
        :raises ReleaseConflict: when another release has taken one of them over, or the lease was given back.
        """
        with self._store.transaction() as cursor:
            for service in sorted(leased(production, services)):
                cursor.execute(
                    statement("ledger/renew_lease"),
                    {"service": service, "release_id": release_id, "until": until},
                )
                if cursor.rowcount == 0:
                    self._refuse(cursor, service)

    def take(self, cursor: Any, release_id: str, services: Iterable[str], *, until: datetime) -> None:
        """Lock services within a transaction.

        :param cursor: of the transaction.
        :param release_id: the release.
        :param services: what is leased, as :func:`leased` names it.
        :param until: moment at which another release may take them over.
        :raises ReleaseConflict: naming the release that has locked the first of them.
        """
        for service in sorted(services):
            cursor.execute(
                statement("ledger/take_lease"),
                {"service": service, "release_id": release_id, "until": until},
            )
            if cursor.rowcount == 0:
                self._refuse(cursor, service)

    def free(self, cursor: Any, release_id: str) -> None:
        """Free everything that a release has locked, within a transaction.

        :param cursor: of the transaction.
        :param release_id: the release.
        """
        cursor.execute(statement("ledger/free_leases"), {"release_id": release_id})

    def _refuse(self, cursor: Any, service: str) -> None:
        cursor.execute(statement("ledger/read_lease"), {"service": service})
        row = cursor.fetchone()
        if row is None:
            raise ReleaseConflict(f"service {service}: not leased by this release any more, nor by another")
        holder, version, actor, taken_at, until = row
        raise ReleaseConflict(
            f"service {service}: release {holder} (version {version}, by {actor}) has held it "
            f"since {taken_at}; wait until it is promoted or rolled back, or until {until}"
        )
