"""The append-only, hash-chained record of each release.

The ledger is the truth of a release; the state of the Airflow run is not. Every entry carries the hash of the
one before it, and the ends of the chains are anchored in a second place, so that what was changed, removed or
added is found (:mod:`slipway.ledger.verification`). How a release ended is what its entries say. An entry is
written once per key: a task that runs again finds its entry and writes none.
"""

from __future__ import annotations

import json
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from slipway.exceptions import ReleaseUnknown
from slipway.ledger.anchors import Head, LedgerAnchors
from slipway.ledger.chain import GENESIS, Kind, Record, RecordedEntry, canonical, entry_hash
from slipway.ledger.checks import LedgerChecks
from slipway.ledger.drawings import LedgerDrawings
from slipway.ledger.entries import (
    LedgerEntry,
    PromotionRolledBack,
    ReleaseClosed,
    ReleaseOpened,
    TrafficRestored,
)
from slipway.ledger.leases import LedgerLeases, leased
from slipway.ledger.listing import LedgerListing
from slipway.ledger.operations import LedgerOperations
from slipway.ledger.plan import ReleasePlan
from slipway.ledger.refused import LedgerRefusedRequests
from slipway.ledger.store import LEDGER_CONNECTION, LedgerStore
from slipway.ledger.verification import LedgerVerification, digest_of
from slipway.policy.formats import parse_recorded_policy
from slipway.policy.release import Policy
from slipway.sql import statement

__all__ = ["LEDGER_CONNECTION", "Ledger", "Release"]

Outcome = Literal["promoted", "rolled_back"]


@dataclass(frozen=True)
class Release:
    """A release as it was opened, and how it ended.

    :param stable: per production service name, the split that served when the release began
        (revision to percent): the safe direction. Empty for a service whose first release this is.
    :param outcome: ``promoted``, ``rolled_back``, or None while it is open.
    """

    release_id: str
    version: str
    run_id: str
    actor: str
    plan: ReleasePlan
    policy: Policy
    stable: Mapping[str, Mapping[str, int]]
    outcome: str | None
    reason: str | None
    opened_at: datetime
    closed_at: datetime | None


class Ledger:
    """Reads and writes the record of releases.

    :param conn_id: Airflow connection to the PostgreSQL database that holds it.
    :param store: the door to that database, for who brings its own.
    """

    def __init__(self, conn_id: str = LEDGER_CONNECTION, *, store: LedgerStore | None = None) -> None:
        self._store = store or LedgerStore(conn_id)
        self.leases = LedgerLeases(self._store)
        self.operations = LedgerOperations(self._store)
        self.listing = LedgerListing(self._store)
        self.drawings = LedgerDrawings(self._store)
        self.checks = LedgerChecks(self._store)
        self.refused = LedgerRefusedRequests(self._store)
        self.anchors = LedgerAnchors()
        self.verification = LedgerVerification(self._store, self.anchors)

    def open_release(self, plan: ReleasePlan, policy: Policy, opened: ReleaseOpened) -> Release:
        """Open a release and lock its services, all or nothing; done again it changes nothing.

        :param plan: what is released.
        :param policy: the policy it is judged by; kept with it, so that a later edit does not change it.
        :param opened: who asked for it, and what serves now.
        :return: the release as it is on record.
        :raises ReleaseConflict: when another open release has locked one of the services.
        """
        documents = {"plan": plan.model_dump_json(), "policy": policy.model_dump_json()}
        digests = {f"{name}_sha256": digest_of(json.loads(text)) for name, text in documents.items()}
        head = None
        with self._store.transaction() as cursor:
            at = present(cursor)
            cursor.execute(
                statement("ledger/open_release"),
                {
                    "release_id": plan.release_id,
                    "version": plan.version,
                    "run_id": plan.run_id,
                    "actor": opened.actor,
                    **documents,
                    "stable": canonical(opened.stable),
                    "opened_at": at,
                },
            )
            if cursor.rowcount == 1:
                until = at + timedelta(seconds=policy.lease_seconds)
                locked = leased(policy.environments["production"], opened.stable)
                self.leases.take(cursor, plan.release_id, locked, until=until)
                head = self._append(cursor, plan.release_id, opened.model_copy(update=digests), at)
        self._anchor(head)
        return self.release(plan.release_id)

    def release(self, release_id: str) -> Release:
        """Read a release.

        :param release_id: the release.
        :raises ReleaseUnknown: when it was never opened.
        """
        with self._store.transaction() as cursor:
            cursor.execute(statement("ledger/read_release"), {"release_id": release_id})
            row = cursor.fetchone()
            if row is None:
                raise ReleaseUnknown(f"release {release_id}: was never opened")
            values = dict(zip([column[0] for column in cursor.description], row, strict=True))
        values["plan"] = ReleasePlan.model_validate(values["plan"])
        values["policy"] = parse_recorded_policy(values["policy"], source=f"of release {release_id}")
        return Release(**values)

    def version(self, release_id: str) -> Hashable:
        """Return what is equal for as long as nothing about a release has changed that is shown of it.

        :param release_id: the release.
        :raises ReleaseUnknown: when it was never opened.
        """
        row = self._store.row("ledger/read_version", release_id=release_id)
        if row is None:
            raise ReleaseUnknown(f"release {release_id}: was never opened")
        return tuple(row)

    def launch(self, policy_name: str, version: str | None) -> Release | None:
        """Find the promoted release that a product began with.

        :param policy_name: the product's policy.
        :param version: its version; None for the product's first release that was promoted.
        :return: None when there is none yet.
        """
        return self._found("ledger/read_launch", policy_name=policy_name, version=version)

    def promoted(self, policy_name: str, version: str, region: str) -> Release | None:
        """Find the newest promoted release of a version in a region.

        :param policy_name: the product's policy.
        :param version: the version.
        :param region: the region.
        :return: None when there is none.
        """
        return self._found("ledger/read_promoted", policy_name=policy_name, version=version, region=region)

    def last_of_version(self, policy_name: str, version: str, region: str) -> Release | None:
        """Find the release of a version to a region that ended last, however it ended.

        :param policy_name: the product's policy.
        :param version: the version.
        :param region: the region.
        :return: None when there is none.
        """
        return self._found(
            "ledger/read_last_of_version", policy_name=policy_name, version=version, region=region
        )

    def promotions(self, policy_name: str) -> list[tuple[str, datetime]]:
        """Return version and moment of every promotion in a product's last region, oldest first.

        :param policy_name: the product's policy.
        """
        with self._store.transaction() as cursor:
            cursor.execute(statement("ledger/read_promotions"), {"policy_name": policy_name})
            return [(version, at) for version, at in cursor.fetchall()]

    def append(self, release_id: str, entry: LedgerEntry) -> bool:
        """Write an entry, once per key.

        :param release_id: the release.
        :param entry: what happened; never a secret.
        :return: False when the key was already there; the first entry stays.
        :raises ReleaseUnknown: when the release was never opened.
        """
        with self._store.transaction() as cursor:
            return self._append(cursor, release_id, entry) is not None

    def entries(self, release_id: str) -> Record:
        """Return everything on record of a release, in its order.

        :param release_id: the release.
        """
        with self._store.transaction() as cursor:
            cursor.execute(statement("ledger/read_entries"), {"release_id": release_id})
            return Record(RecordedEntry(*row) for row in cursor.fetchall())

    def get(self, release_id: str, kind: type[Kind], **parts: str | int | None) -> Kind | None:
        """Return the entry whose key is made of the ``parts``, such as ``phase``.

        :param release_id: the release.
        :param kind: what happened.
        :return: None when it is not on record.
        :raises EntryUnreadable: when this version cannot read it.
        """
        with self._store.transaction() as cursor:
            return self._read(cursor, release_id, kind, **parts)

    def newest(self, kind: type[Kind], *, policy_name: str, **fields: Any) -> tuple[Kind, datetime] | None:
        """Return the newest entry of a product's releases whose payload has the ``fields``, and its moment.

        :param kind: what happened; its key has no parts.
        :param policy_name: the product's policy.
        :return: None when there is none.
        """
        key = kind.key_of()
        row = self._store.row(
            "ledger/newest_entry", key=key, policy_name=policy_name, having=canonical(fields)
        )
        return None if row is None else (kind.read(key, row[0]), row[1])

    def close(self, release_id: str, *, outcome: Outcome, reason: str) -> bool:
        """End a release and free its services.

        A promoted release is rolled back later when its traffic was restored, on record as
        ``rolled_back/traffic``.

        :param release_id: the release.
        :param outcome: ``promoted`` or ``rolled_back``.
        :param reason: one line for people.
        :return: False when it had ended before; how it ended then stays.
        """
        with self._store.transaction() as cursor:
            self._lock(cursor, release_id)
            ended = self._read(cursor, release_id, ReleaseClosed)
            if ended is None:
                head = self._append(cursor, release_id, ReleaseClosed(outcome=outcome, reason=reason))
            elif (ended.outcome, outcome) == ("promoted", "rolled_back") and self._read(
                cursor, release_id, TrafficRestored
            ) is not None:
                head = self._append(cursor, release_id, PromotionRolledBack(reason=reason))
            else:
                head = None
            self.leases.free(cursor, release_id)
        self._anchor(head)
        return head is not None

    def head(self, release_id: str) -> Head | None:
        """Return the end of a release's chain, None without an entry.

        :param release_id: the release.
        """
        row = self._store.row("ledger/last_entry", release_id=release_id)
        return None if row is None else Head(release_id, *row)

    def anchor(self, release_id: str) -> None:
        """Anchor the last entry of a release; a place that cannot be written fails nothing.

        :param release_id: the release.
        """
        self._anchor(self.head(release_id))

    def _found(self, name: str, **sought: Any) -> Release | None:
        row = self._store.row(name, **sought)
        return None if row is None else self.release(row[0])

    def _anchor(self, head: Head | None) -> None:
        if head is not None:
            self.anchors.try_write(head)

    def _lock(self, cursor: Any, release_id: str) -> None:
        cursor.execute(statement("ledger/lock_release"), {"release_id": release_id})
        if cursor.fetchone() is None:
            raise ReleaseUnknown(f"release {release_id}: was never opened")

    def _read(self, cursor: Any, release_id: str, kind: type[Kind], **parts: str | int | None) -> Kind | None:
        key = kind.key_of(**parts)
        cursor.execute(statement("ledger/read_entry"), {"release_id": release_id, "key": key})
        row = cursor.fetchone()
        return None if row is None else kind.read(key, row[0])

    def _append(
        self, cursor: Any, release_id: str, entry: LedgerEntry, at: datetime | None = None
    ) -> Head | None:
        """Write an entry within a transaction; return the end of the chain, None when the key was there."""
        self._lock(cursor, release_id)
        cursor.execute(statement("ledger/read_entry"), {"release_id": release_id, "key": entry.key})
        if cursor.fetchone() is not None:
            return None
        cursor.execute(statement("ledger/last_entry"), {"release_id": release_id})
        sequence, previous = cursor.fetchone() or (0, GENESIS)
        at, text = at or present(cursor), canonical(entry.payload())
        head = Head(
            release_id,
            sequence + 1,
            entry_hash(previous, release_id, sequence + 1, entry.key, at, text),
        )
        cursor.execute(
            statement("ledger/append_entry"),
            {
                "release_id": release_id,
                "sequence": head.sequence,
                "key": entry.key,
                "at": at,
                "payload": text,
                "previous_hash": previous,
                "hash": head.hash,
            },
        )
        return head


def present(cursor: Any) -> datetime:
    """Return the moment that an entry bears: by the ledger's clock, since those of workers may differ.

    :param cursor: of the ledger.
    """
    cursor.execute(statement("ledger/read_clock"))
    moment: datetime = cursor.fetchone()[0]
    return moment
