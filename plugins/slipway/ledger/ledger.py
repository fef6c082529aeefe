"""The append-only, hash-chained record of each release.

The ledger is the truth of a release; the state of the Airflow run is not. Every entry carries the hash of the
one before it, so a changed or missing entry is found by :meth:`Ledger.verify`. An entry is written once per
key: a task that runs again finds its entry and writes none.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from slipway.exceptions import ReleaseUnknown
from slipway.ledger.leases import LedgerLeases, leased
from slipway.ledger.listing import LedgerOverview
from slipway.ledger.operations import LedgerOperations
from slipway.ledger.plan import ReleasePlan
from slipway.ledger.store import LEDGER_CONNECTION
from slipway.policy.formats import parse_recorded_policy
from slipway.policy.release import Policy
from slipway.sql import statement

__all__ = ["LEDGER_CONNECTION", "Entry", "Ledger", "Release", "canonical", "entry_hash", "first_broken"]

GENESIS = "0" * 64


@dataclass(frozen=True)
class Entry:
    """One line of the ledger.

    :param key: what happened, unique in its release, such as ``shifted/canary``.
    :param payload: who, what, from, to, evidence; never a secret.
    """

    sequence: int
    key: str
    at: datetime
    payload: Mapping[str, Any]
    previous_hash: str
    hash: str


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


def entry_hash(previous: str, release_id: str, sequence: int, key: str, at: datetime, payload: str) -> str:
    """Hash an entry together with the one before it (SHA-256 over a canonical JSON list).

    :param previous: hash of the entry before, or 64 zeros for the first.
    :param at: moment in UTC.
    :param payload: canonical JSON of the payload.
    """
    text = json.dumps([previous, release_id, sequence, key, at.astimezone(UTC).isoformat(), payload])
    return hashlib.sha256(text.encode()).hexdigest()


def canonical(payload: Mapping[str, Any]) -> str:
    """Return the one JSON text of a payload that is hashed."""
    return json.dumps(payload, sort_keys=True, separators=(",", ":"))


def first_broken(release_id: str, entries: Sequence[Entry]) -> int | None:
    """Recompute the chain, and return the position of the first entry that does not fit; None when all do.

    An entry that was changed, removed or put in between is found; that the last ones were cut off is not.

    :param entries: everything on record of the release, in its order.
    """
    previous = GENESIS
    for position, entry in enumerate(entries, start=1):
        text = canonical(entry.payload)
        expected = entry_hash(previous, release_id, position, entry.key, entry.at, text)
        if (entry.sequence, entry.previous_hash, entry.hash) != (position, previous, expected):
            return position
        previous = entry.hash
    return None


class Ledger(LedgerLeases, LedgerOperations, LedgerOverview):
    """Reads and writes the record of releases.

    :param conn_id: Airflow connection to the PostgreSQL database that holds it.
    """

    def open_release(
        self,
        plan: ReleasePlan,
        policy: Policy,
        stable: Mapping[str, Mapping[str, int]],
        *,
        actor: str,
        reason: str | None = None,
        record: Mapping[str, Any] | None = None,
    ) -> Release:
        """Open a release and take the lease of its services, all or nothing; done again it changes nothing.

        :param plan: what is released.
        :param policy: the policy it is judged by; kept with it, so that a later edit does not change it.
        :param stable: split per production service that serves now.
        :param actor: who asked for the release.
        :param reason: why, in the words of who asked.
        :param record: what else the entry ``opened`` holds, such as the rollback targets.
        :raises ReleaseConflict: when another open release holds one of the services.
        """
        with self._transaction() as cursor:
            cursor.execute(
                statement("ledger/open_release"),
                {
                    "release_id": plan.release_id,
                    "version": plan.version,
                    "run_id": plan.run_id,
                    "actor": actor,
                    "plan": plan.model_dump_json(),
                    "policy": policy.model_dump_json(),
                    "stable": canonical(stable),
                },
            )
            first = cursor.rowcount == 1
            if first:
                until = datetime.now(UTC) + timedelta(seconds=policy.lease_seconds)
                self._take_leases(cursor, plan.release_id, leased(policy.region, stable), until=until)
                opened = {"actor": actor, "reason": reason, "stable": stable, **(record or {})}
                self._append(cursor, plan.release_id, "opened", opened)
        return self.release(plan.release_id)

    def release(self, release_id: str) -> Release:
        """Read a release.

        :raises ReleaseUnknown: when it was never opened.
        """
        with self._transaction() as cursor:
            cursor.execute(statement("ledger/read_release"), {"release_id": release_id})
            row = cursor.fetchone()
            if row is None:
                raise ReleaseUnknown(f"release {release_id}: was never opened")
            values = dict(zip([column[0] for column in cursor.description], row, strict=True))
        values["plan"] = ReleasePlan.model_validate(values["plan"])
        values["policy"] = parse_recorded_policy(values["policy"], source=f"of release {release_id}")
        return Release(**values)

    def launch(self, version: str | None) -> Release | None:
        """Find the promoted release that began it all.

        :param version: its version; None for the first release that was promoted.
        :return: None when there is none yet.
        """
        with self._transaction() as cursor:
            cursor.execute(statement("ledger/read_launch"), {"version": version})
            row = cursor.fetchone()
        return None if row is None else self.release(row[0])

    def promoted(self, policy_name: str, version: str, region: str) -> Release | None:
        """Find the newest promoted release of a version in a region, None without one.

        :param policy_name: the product's policy.
        """
        with self._transaction() as cursor:
            wanted = {"policy_name": policy_name, "version": version, "region": region}
            cursor.execute(statement("ledger/read_promoted"), wanted)
            row = cursor.fetchone()
        return None if row is None else self.release(row[0])

    def promotions(self, policy_name: str) -> list[tuple[str, datetime]]:
        """Return version and moment of every promotion in a product's last region, oldest first.

        :param policy_name: the product's policy.
        """
        with self._transaction() as cursor:
            cursor.execute(statement("ledger/read_promotions"), {"policy_name": policy_name})
            return [(version, at) for version, at in cursor.fetchall()]

    def append(self, release_id: str, key: str, payload: Mapping[str, Any]) -> bool:
        """Write an entry, once per key.

        :param payload: plain JSON data without secrets.
        :return: False when the key was already there; the first entry stays.
        :raises ReleaseUnknown: when the release was never opened.
        """
        with self._transaction() as cursor:
            return self._append(cursor, release_id, key, payload)

    def _append(self, cursor: Any, release_id: str, key: str, payload: Mapping[str, Any]) -> bool:
        cursor.execute(statement("ledger/lock_release"), {"release_id": release_id})
        if cursor.fetchone() is None:
            raise ReleaseUnknown(f"release {release_id}: was never opened")
        cursor.execute(statement("ledger/read_entry"), {"release_id": release_id, "key": key})
        if cursor.fetchone() is not None:
            return False
        cursor.execute(statement("ledger/last_entry"), {"release_id": release_id})
        sequence, previous = cursor.fetchone() or (0, GENESIS)
        at, text = datetime.now(UTC), canonical(payload)
        cursor.execute(
            statement("ledger/append_entry"),
            {
                "release_id": release_id,
                "sequence": sequence + 1,
                "key": key,
                "at": at,
                "payload": text,
                "previous_hash": previous,
                "hash": entry_hash(previous, release_id, sequence + 1, key, at, text),
            },
        )
        return True

    def entries(self, release_id: str) -> Sequence[Entry]:
        """Return a release's entries in their order."""
        with self._transaction() as cursor:
            cursor.execute(statement("ledger/read_entries"), {"release_id": release_id})
            return [Entry(*row) for row in cursor.fetchall()]

    def entry(self, release_id: str, key: str) -> Mapping[str, Any] | None:
        """Return the payload written under a key, or None."""
        with self._transaction() as cursor:
            cursor.execute(statement("ledger/read_entry"), {"release_id": release_id, "key": key})
            row = cursor.fetchone()
        return None if row is None else row[0]

    def newest(self, key: str, having: Mapping[str, Any]) -> tuple[Mapping[str, Any], datetime] | None:
        """Return the newest entry of any release under a key, and when it was written; None without one.

        :param key: what happened.
        :param having: fields that its payload must have.
        """
        with self._transaction() as cursor:
            cursor.execute(statement("ledger/newest_entry"), {"key": key, "having": canonical(having)})
            row = cursor.fetchone()
        return None if row is None else (row[0], row[1])

    def close(self, release_id: str, *, outcome: str, reason: str) -> bool:
        """End a release and free its services.

        :param outcome: ``promoted`` or ``rolled_back``.
        :param reason: one line for people.
        :return: False when it had ended before; how it ended then stays.
        """
        with self._transaction() as cursor:
            cursor.execute(
                statement("ledger/close_release"),
                {"release_id": release_id, "outcome": outcome, "reason": reason},
            )
            closed = bool(cursor.rowcount == 1)
            cursor.execute(statement("ledger/free_leases"), {"release_id": release_id})
            if closed:
                self._append(cursor, release_id, "closed", {"outcome": outcome, "reason": reason})
        return closed

    def verify(self, release_id: str) -> bool:
        """Recompute the chain; False when an entry was changed, removed or put in between."""
        return first_broken(release_id, self.entries(release_id)) is None
