"""Whether the record of a release is as it was written: its chain, its row, and its anchors."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from slipway.exceptions import EntryUnreadable
from slipway.ledger.anchors import DailyAnchor, Head, LedgerAnchors
from slipway.ledger.chain import Fault, Record, RecordedEntry, canonical, chain_faults
from slipway.ledger.entries import PromotionRolledBack, ReleaseClosed, ReleaseOpened
from slipway.ledger.store import LedgerStore
from slipway.sql import statement

_NO_ENTRIES = Fault(None, "all of its entries are missing")
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Verification:
    """What the verification of a release found.

    :param entries: how many entries it has.
    :param head: hash of the last one; None without any.
    :param faults: everything that is not as it was written.
    :param anchored: number of the last entry that an anchor holds; None when the anchors cannot be read.
    :param place: where the anchors are.
    """

    release_id: str
    entries: int
    head: str | None
    faults: Sequence[Fault]
    anchored: int | None
    place: str

    @property
    def holds(self) -> bool:
        """Whether nothing is wrong."""
        return not self.faults

    @property
    def first_broken(self) -> int | None:
        """Position of the first entry that is wrong; 0 where only the release as a whole is."""
        return min((fault.entry or 0 for fault in self.faults), default=None)

    @property
    def sentence(self) -> str:
        """What was found, in one line."""
        if self.faults:
            return "not as it was written: " + "; ".join(fault.sentence for fault in self.faults)
        if self.anchored is None:
            return f"the chain holds, with {self.entries} entries; the anchors in {self.place} cannot be read"
        anchored = f"the first {self.anchored} are anchored in {self.place}"
        return f"the chain holds, with {self.entries} entries; {anchored}"


@dataclass(frozen=True)
class OpenedRow:
    """The row of a release in the database: what was opened."""

    version: str
    run_id: str
    actor: str
    plan: Mapping[str, Any]
    policy: Mapping[str, Any]
    stable: Mapping[str, Any]
    opened_at: datetime


def digest_of(document: Mapping[str, Any]) -> str:
    """Return the SHA-256 of a document's canonical JSON.

    :param document: plain data.
    """
    return hashlib.sha256(canonical(document).encode()).hexdigest()


def row_faults(row: OpenedRow | None, record: Record) -> Iterator[Fault]:
    """Compare the row of a release with the entry that opened it.

    :param row: the row; None when it is not there.
    :param record: everything on record of the release.
    """
    if row is None:
        yield Fault(None, "its row is missing")
    if not record:
        yield _NO_ENTRIES
        return
    try:
        opened = record.get(ReleaseOpened)
    except EntryUnreadable as error:
        yield Fault(1, str(error))
        return
    if row is None or opened is None:
        return
    same = {
        "actor": row.actor == opened.actor,
        "stable": row.stable == opened.stable,
        "version": row.version == row.plan.get("version", row.version),
        "run_id": row.run_id == row.plan.get("run_id", row.run_id),
    }
    if opened.plan_sha256 is not None:
        same["plan"] = digest_of(row.plan) == opened.plan_sha256
        same["policy"] = digest_of(row.policy) == opened.policy_sha256
        same["opened_at"] = row.opened_at == record[0].at
    for column, is_same in same.items():
        if not is_same:
            yield Fault(None, f"{column} of its row was changed: entry 1 (opened) has another")


def anchor_faults(record: Sequence[RecordedEntry], heads: Sequence[Head]) -> Iterator[Fault]:
    """Compare a record with the anchors of its release.

    :param record: everything on record of it, in its order.
    :param heads: its anchors.
    """
    held = {entry.sequence: entry for entry in record}
    last = max(held, default=0)
    for head in heads:
        found = held.get(head.sequence)
        if head.sequence > last:
            yield Fault(
                last + 1, f"entries {last + 1} to {head.sequence} are missing: an anchor or label has them"
            )
        elif found is not None and not found.hash.startswith(head.hash):
            yield Fault(
                head.sequence,
                f"entry {head.sequence} ({found.key}) is not the one that is anchored: it, or one before it,"
                " was changed, moved or put in, and the hashes were made again",
            )


def unanchored_faults(
    record: Sequence[RecordedEntry], anchored: int, day: DailyAnchor | None
) -> Iterator[Fault]:
    """Yield the entries that must have an anchor and have none.

    :param record: everything on record of a release, in its order.
    :param anchored: number of its last entry that an anchor has.
    :param day: the newest anchoring of every release.
    """
    for entry in record:
        if entry.sequence <= anchored:
            continue
        named = f"entry {entry.sequence} ({entry.key})"
        if entry.key in (ReleaseClosed.KEY, PromotionRolledBack.KEY):
            yield Fault(
                entry.sequence, f"{named} ends the release, and has no anchor: it was added, or not anchored"
            )
        elif day is not None and entry.at < day.at:
            yield Fault(
                entry.sequence,
                f"{named} was added later: every entry of {entry.at:%Y-%m-%d %H:%M:%S} UTC is anchored",
            )


class LedgerVerification:
    """Verifies releases.

    :param store: the ledger's tables.
    :param anchors: the ends of the chains, in a second place.
    """

    def __init__(self, store: LedgerStore, anchors: LedgerAnchors) -> None:
        self._store = store
        self._anchors = anchors

    def of(self, release_id: str, labels: Sequence[Head] = ()) -> Verification:
        """Verify a release.

        :param release_id: the release; one that the database does not know may have anchors.
        :param labels: the ends of its chain that its services' labels have.
        """
        with self._store.transaction() as cursor:
            cursor.execute(statement("ledger/read_opened"), {"release_id": release_id})
            found = cursor.fetchone()
            cursor.execute(statement("ledger/read_entries"), {"release_id": release_id})
            record = Record(RecordedEntry(*row) for row in cursor.fetchall())
        row = None if found is None else OpenedRow(*found)
        faults = [*row_faults(row, record), *anchor_faults(record, labels)]
        return self._verified(release_id, record, faults)

    def export(self, release_id: str, entries: Sequence[RecordedEntry]) -> Verification:
        """Verify what was exported of a release, without its row in the database.

        :param release_id: the release.
        :param entries: everything on record of it, in its order.
        """
        return self._verified(release_id, entries, [] if entries else [_NO_ENTRIES], is_export=True)

    def _verified(
        self,
        release_id: str,
        record: Sequence[RecordedEntry],
        faults: Sequence[Fault],
        *,
        is_export: bool = False,
    ) -> Verification:
        found, anchored = [*faults, *chain_faults(release_id, record)], None
        try:
            heads = self._anchors.heads(release_id)
            found += anchor_faults(record, heads)
            last = max((head.sequence for head in heads), default=0)
            # Whoever holds an export need not reach the anchors.
            if not is_export:
                found += unanchored_faults(record, last, self._anchors.newest_day())
            anchored = last
        except Exception:
            log.exception("The anchors in %s cannot be read", self._anchors.place)
        head = record[-1].hash if record else None
        return Verification(release_id, len(record), head, found, anchored, self._anchors.place)

    def every(self, labels: Sequence[Head] = ()) -> Iterator[Verification]:
        """Verify every release that the database has a row or an entry of, or that has an anchor or a label.

        :param labels: the ends of chains that services' labels have.
        """
        with self._store.transaction() as cursor:
            cursor.execute(statement("ledger/read_heads"))
            known = {release_id for release_id, _, _ in cursor.fetchall()}
        labelled = {label.release_id for label in labels}
        for release_id in sorted(known.union(self._anchors.releases(), labelled)):
            yield self.of(release_id, [label for label in labels if label.release_id == release_id])

    def changeable(self) -> Sequence[str]:
        """Return the tables of the record that the connection's role could change; it should be none."""
        with self._store.transaction() as cursor:
            cursor.execute(statement("ledger/read_changeable"))
            return [str(name) for (name,) in cursor.fetchall()]

    def anchor_every(self) -> DailyAnchor:
        """Anchor the end of every chain; what is anchored stays."""
        with self._store.transaction() as cursor:
            cursor.execute(statement("ledger/read_heads"))
            heads = [Head(*row) for row in cursor.fetchall() if row[1] is not None]
        return self._anchors.write_day(heads)
